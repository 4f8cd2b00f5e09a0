import { assert, assertEquals } from "@std/assert";
import { MAX_OUTPUT_LINE } from "../../jobs/workers/line_splitter.ts";
import type { AttemptRecord } from "../fixtures/attempt_record.ts";
import { JobFolder } from "../fixtures/job_folder.ts";

Deno.test("a worker's protocol survives whatever its module prints or patches", async (t) => {
  await using folder = await JobFolder.open("auto");

  await t.step("garbage, half lines and forged frames become log events", async () => {
    const record = await folder.launch("noise", "print_garbage");
    await assertTrained(record);
    const finished = record.events.filter(({ type }) => type === "trainingFinished");
    assertEquals(finished.length, 1);
    const printed = record.lines("stdout");
    assert(printed.includes("a line of its own"));
    assert(printed.includes("a line without an end"));
    assert(printed.some((line) => line.includes('"event_seq":999')));
    assert(record.lines("stderr").includes("a line on the other output"));
  });

  await t.step("a line of 10 MB is cut, and so is one that never ends", async () => {
    const record = await folder.launch("noise", "print_long_line");
    await assertTrained(record);
    const long = record.lines("stdout").filter((line) => line.startsWith("xxx"));
    assert(long.length >= 6);
    assert(long.every((line) => line.length < MAX_OUTPUT_LINE + 100));
    assert(long.every((line) => line.endsWith("(truncated)")));
  });

  await t.step("more lines than a log should hold are counted", async () => {
    const record = await folder.launch("noise", "print_many_lines");
    await assertTrained(record);
    const printed = record.lines("stdout").length;
    const dropped = record.lines("trainer")
      .map((line) => Number(/^(\d+) lines dropped$/.exec(line)?.[1] ?? 0))
      .reduce((sum, count) => sum + count, 0);
    assert(dropped > 0);
    const others = record.lines("stderr").length;
    assert(printed + dropped >= 5_000 && printed + dropped <= 5_000 + others + 10);
  });

  await t.step("broken builtins fail the job, and it can still say so", async () => {
    const record = await folder.launch("noise", "patch_builtins");
    const error = await record.event("error");
    assert(error.fatal);
    assertEquals(error.message, "broken by the module");
    assertEquals((await record.exit()).code, 1);
    assertInOrder(record);
  });

  await t.step("builtins that listen do not hear the token", async () => {
    const record = await folder.launch("noise", "listen_to_builtins");
    await assertTrained(record);
    assert(record.lines("module").every((line) => line === "heard nothing"));
  });

  await t.step("a heap snapshot does not show the token", async () => {
    const record = await folder.launch("noise", "search_heap");
    await assertTrained(record);
    assert(record.lines("module").every((line) => line === "found nothing"));
  });
});

async function assertTrained(record: AttemptRecord): Promise<void> {
  const { code, stderrTail } = await record.exit();
  assertEquals(code, 0, stderrTail);
  await record.event("trainingFinished");
  const steps = record.events.flatMap((event) => event.type === "trainStep" ? [event.step] : []);
  assertEquals(steps, [1, 2, 3, 4, 5]);
  assertInOrder(record);
}

function assertInOrder(record: AttemptRecord): void {
  assertEquals(record.numbers(), record.numbers().map((_, index) => index + 1));
}
