import { BenchChild } from "./child.ts";
import type { Subject } from "./figure.ts";
import { grouped, median } from "./statistics.ts";

/** Until V8's heap has its size, which it finds with no reader there as well. */
const WARM_UP = 300_000;
const EVENTS = 100_000;
/** Samples of the memory; a single one is as high as the last garbage is young. */
const SAMPLES = 10;
/** Growth below which memory counts as flat: less than a tenth of what the events would take. */
const FLAT = 0.1;
/** Bytes that one event takes on its way to a reader, about. */
const EVENT_BYTES = 480;

/** What a reader that takes nothing costs the server while others' events go by. */
export const serverMemory: Subject = async (note) => {
  note(`${grouped(EVENTS)} events past a reader that stalls`);
  await using source = new BenchChild("event_source.ts");
  const url = await source.line();
  const leaving = new AbortController();
  const stalled = await fetch(`${url}/events?after=0`, { signal: leaving.signal });
  await source.ask(`append ${WARM_UP} 0`);
  const rss: number[] = [];
  for (let sample = 0; sample < SAMPLES; sample++) {
    await source.ask(`append ${EVENTS / SAMPLES} 0`);
    rss.push(Number(await source.ask("rss")));
  }
  const before = median(rss.slice(0, 3));
  const growth = median(rss.slice(-3)) - before;
  leaving.abort();
  // The abort ends the body with an error that says so.
  await stalled.body?.cancel().catch(() => {});
  return [{
    name: `memory after ${grouped(EVENTS)} events, one reader stalled`,
    measured: `${growth < 0 ? "" : "+"}${(growth / 2 ** 20).toFixed(1)} MiB on ${
      (before / 2 ** 20).toFixed(0)
    }`,
    target: `flat (< ${(FLAT * EVENTS * EVENT_BYTES / 2 ** 20).toFixed(0)} MiB)`,
    met: growth < FLAT * EVENTS * EVENT_BYTES,
  }];
};
