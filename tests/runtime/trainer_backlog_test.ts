import { assert, assertEquals } from "@std/assert";
import { Backlog, type BacklogLimits } from "../../runtime/trainer/backlog.ts";

/** A backlog in a folder of its own. */
async function withBacklog(
  limits: BacklogLimits,
  use: (backlog: Backlog, folder: string) => void | Promise<void>,
): Promise<void> {
  const parent = await Deno.makeTempDir();
  const backlog = new Backlog(`${parent}/backlog`, limits);
  try {
    await use(backlog, `${parent}/backlog`);
    backlog.close();
    assertEquals([...Deno.readDirSync(parent)], [], "close() leaves nothing behind");
  } finally {
    await Deno.remove(parent, { recursive: true });
  }
}

/** Every event after this number, batch by batch. */
function everythingAfter(backlog: Backlog, eventSeq: number): string[] {
  const lines: string[] = [];
  for (let batch = backlog.after(eventSeq, 30); batch; batch = backlog.after(batch.last, 30)) {
    assert(batch.text.endsWith("\n"));
    lines.push(...batch.text.slice(0, -1).split("\n"));
  }
  return lines;
}

const numbered = (from: number, to: number) =>
  Array.from({ length: to - from + 1 }, (_, i) => `{"n":${from + i}}`);

Deno.test("Backlog gives back in order what went to disk and what did not", async () => {
  await withBacklog({ memory: 100, disk: 1e6 }, (backlog, folder) => {
    for (const line of numbered(1, 95)) backlog.add(line);
    assert([...Deno.readDirSync(folder)].length > 3);
    assertEquals([backlog.oldest, backlog.newest], [1, 95]);
    assertEquals(everythingAfter(backlog, 0), numbered(1, 95));
    assertEquals(everythingAfter(backlog, 17), numbered(18, 95));
    assertEquals(everythingAfter(backlog, 94), numbered(95, 95));
    assertEquals(backlog.after(95, 30), null);
  });
});

Deno.test("Backlog lets go of what is acknowledged, files included", async () => {
  await withBacklog({ memory: 100, disk: 1e6 }, (backlog, folder) => {
    for (const line of numbered(1, 95)) backlog.add(line);
    const before = [...Deno.readDirSync(folder)].length;
    backlog.acknowledge(60);
    assert([...Deno.readDirSync(folder)].length < before);
    assert(backlog.oldest <= 61);
    assertEquals(everythingAfter(backlog, 60), numbered(61, 95));
    backlog.acknowledge(95);
    assertEquals([backlog.oldest, backlog.newest], [96, 95]);
    for (const line of numbered(96, 99)) backlog.add(line);
    assertEquals(everythingAfter(backlog, 95), numbered(96, 99));
  });
});

Deno.test("Backlog is full when memory and disk are, until some is acknowledged", async () => {
  await withBacklog({ memory: 100, disk: 300 }, (backlog) => {
    let count = 0;
    while (!backlog.full) backlog.add(numbered(++count, count)[0]!);
    assert(count > 30 && count < 60, `${count}`);
    assertEquals(everythingAfter(backlog, 0), numbered(1, count));
    backlog.acknowledge(count - 5);
    assertEquals(backlog.full, false);
  });
});

Deno.test("Backlog without a disk holds what memory may, and is full then", async () => {
  const backlog = new Backlog("/dev/null/nowhere", { memory: 50, disk: 1e6 });
  let count = 0;
  while (!backlog.full) backlog.add(numbered(++count, count)[0]!);
  assertEquals(everythingAfter(backlog, 0), numbered(1, count));
  await Promise.resolve(backlog.forget());
});
