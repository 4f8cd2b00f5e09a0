import { BenchChild } from "./child.ts";
import type { Figure, Subject } from "./figure.ts";
import type { ReaderResult } from "./reader.ts";
import { grouped, median } from "./statistics.ts";

const STORED = 200_000;
const READERS = 100;
const RATE = 1_000;
const SECONDS = 5;

/** Events/s that readers get, from a real log over the real route. */
export const sse: Subject = async (note) => [await oneReader(note), await manyReaders(note)];

async function oneReader(note: (text: string) => void): Promise<Figure> {
  note(`filling a log with ${grouped(STORED)} events`);
  await using source = new BenchChild("event_source.ts");
  const url = await source.line();
  await source.ask(`append ${STORED} 0`);
  const rates: number[] = [];
  for (let round = 1; round <= 3; round++) {
    note(`one reader, round ${round} of 3`);
    await using reader = new BenchChild("reader.ts", `${url}/events?after=0&follow=false`, 1, 0);
    await reader.line();
    const [result] = JSON.parse(await reader.line()) as [ReaderResult];
    if (result.events !== STORED) throw new Error(`the reader got ${result.events} events`);
    rates.push(result.events * 1_000 / result.ms);
  }
  return {
    name: "SSE: stored log to one reader",
    measured: `${grouped(median(rates))} events/s`,
    target: "≥ 200,000 events/s",
    met: median(rates) >= 200_000,
  };
}

async function manyReaders(note: (text: string) => void): Promise<Figure> {
  note(`${READERS} readers at ${grouped(RATE)} events/s each`);
  const total = RATE * SECONDS;
  await using source = new BenchChild("event_source.ts");
  const url = await source.line();
  await using readers = new BenchChild("reader.ts", `${url}/events?after=0`, READERS, total);
  await readers.line();
  const began = performance.now();
  await source.ask(`append ${total} ${RATE}`);
  const results = JSON.parse(await readers.line()) as ReaderResult[];
  const rate = total * 1_000 / (performance.now() - began);
  const lost = results.reduce((sum, { events, gaps }) => sum + total - events + gaps, 0);
  return {
    name: `SSE: ${READERS} readers, live`,
    measured: `${grouped(rate)} events/s each, ${lost} lost`,
    target: "1,000 events/s each, 0 lost",
    met: lost === 0 && rate >= 0.95 * RATE,
  };
}
