import { assertEquals } from "@std/assert";
import { type EventLog, openEventLog } from "../../jobs/events/event_log.ts";
import type { CheckpointRecord } from "../../jobs/job.ts";
import { checkpointOf } from "../../jobs/life/job_projection.ts";
import { planRecovery } from "../../jobs/life/recovery.ts";
import { ReplayFilter } from "../../jobs/life/replay_filter.ts";
import type { TrainerEvent } from "../../runtime/protocol/events.ts";

/** A log of one job, written by hand. */
class Story implements AsyncDisposable {
  readonly log: EventLog = openEventLog(":memory:");
  readonly checkpoints: CheckpointRecord[] = [];
  take = 1;

  write(type: string, fields: Record<string, unknown>, step: number): number {
    const event = { job: "job-1", session: "s", type, take: this.take, step };
    const data = JSON.stringify({ type, ts: 1, run_gen: 1, step, ...fields });
    const seq = this.log.append({ ...event, data });
    if (type === "checkpoint_saved") this.checkpoints.push(checkpointOf({ ...event, data, seq }));
    return seq;
  }

  steps(from: number, to: number): this {
    for (let step = from; step <= to; step++) {
      this.write("trainStep", { loss: 1 / step, lr: 0.1, accuracy: null }, step);
    }
    return this;
  }

  saved(checkpoint: number, step: number): this {
    const place = { axis_step: step, epoch: 0, file: `${checkpoint}`, bytes: 1, sha256: "" };
    this.write("checkpoint_saved", { checkpoint, ...place, reason: "cadence", label: null }, step);
    return this;
  }

  applied(command: string, payload: Record<string, unknown>, step: number): this {
    this.write("command_applied", { command, payload, applied_at_step: step }, step);
    return this;
  }

  loaded(checkpoint: number, step: number): this {
    this.take++;
    this.write("checkpoint_loaded", { checkpoint, epoch: 0 }, step);
    return this;
  }

  reset(): this {
    this.take++;
    this.write("session_reset", { epoch: 0, config: {} }, 0);
    return this;
  }

  async plan(damaged: number[] = []) {
    await this.log.durable();
    return await planRecovery(
      this.log,
      { id: "job-1", take: this.take },
      this.checkpoints,
      ({ checkpoint }) => Promise.resolve(!damaged.includes(checkpoint)),
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.log.close();
  }
}

Deno.test("planRecovery() starts from the newest sound checkpoint and repeats what came after", async () => {
  await using story = new Story();
  story.saved(1, 0).steps(1, 10).applied("set_hparams", { lr: 1 }, 10).saved(2, 10).steps(11, 15)
    .applied("set_hparams", { lr: 2 }, 15).applied("resume", { max_epochs: 9 }, 15).steps(16, 18);
  const newest = await story.plan();
  assertEquals([newest.point?.record.checkpoint, newest.skipped], [2, []]);
  assertEquals(newest.range, { untilStep: 18, fromTake: 1, toTake: 1 });
  const second = { command: "set_hparams" as const, payload: { lr: 2 }, applied_at_step: 15 };
  assertEquals(newest.commands, [second]);
  const older = await story.plan([2]);
  assertEquals([older.point?.record.checkpoint, older.skipped], [1, [2]]);
  assertEquals(older.commands, [{ ...second, payload: { lr: 1 }, applied_at_step: 10 }, second]);
  const none = await story.plan([1, 2]);
  assertEquals([none.point, none.skipped, none.continuous], [null, [2, 1], true]);
});

Deno.test("planRecovery() takes a rewind for a place to go on", async () => {
  await using story = new Story();
  story.saved(1, 0).steps(1, 10).saved(2, 10).steps(11, 20).saved(3, 20).loaded(2, 10).steps(
    11,
    13,
  );
  const { point, range, continuous } = await story.plan();
  assertEquals([point?.record.checkpoint, point?.take, continuous], [2, 2, true]);
  assertEquals(range, { untilStep: 13, fromTake: 2, toTake: 2 });
});

Deno.test("planRecovery() cannot repeat a rewind to what is damaged: a new take begins", async () => {
  await using story = new Story();
  story.saved(1, 0).steps(1, 10).saved(2, 10).steps(11, 20).saved(3, 20).loaded(2, 10).steps(
    11,
    13,
  );
  const { point, range, continuous, skipped } = await story.plan([2]);
  assertEquals([point?.record.checkpoint, continuous, skipped], [3, false, [2]]);
  assertEquals(range.untilStep, 0);
});

function stepEvent(step: number, loss: number): TrainerEvent<"trainStep"> {
  const fields = { type: "trainStep", step, loss, lr: 0.1, accuracy: null };
  return fields as unknown as TrainerEvent<"trainStep">;
}

function other(type: string, step: number, fields: Record<string, unknown> = {}): TrainerEvent {
  return { type, step, ...fields } as unknown as TrainerEvent;
}

Deno.test("ReplayFilter drops what the log has, at the last step by type, and nothing after", async () => {
  await using story = new Story();
  story.steps(1, 4);
  story.write("epoch_end", {}, 4);
  const filter = new ReplayFilter(story.log, "job-1", { untilStep: 4, fromTake: 1, toTake: 1 });
  const kinds = [
    stepEvent(2, 1 / 2),
    other("validation", 2),
    other("log", 2),
    other("checkpoint_saved", 2),
    other("error", 2, { fatal: false }),
    other("error", 0, { fatal: true }),
    stepEvent(3, 1 / 3),
    stepEvent(4, 1 / 4),
    other("epoch_end", 4),
    other("validation", 4),
    stepEvent(5, 1 / 5),
    other("epoch_end", 5),
  ].map((event) => filter.judge(event).kind);
  assertEquals(kinds, [
    ...["drop", "drop", "drop", "log", "drop", "log"],
    ...["drop", "drop", "drop", "log", "log", "log"],
  ]);
  assertEquals(filter.active, false);
});

Deno.test("ReplayFilter names the field that differs, and then compares no more", async () => {
  await using story = new Story();
  story.steps(1, 4);
  const filter = new ReplayFilter(story.log, "job-1", { untilStep: 4, fromTake: 1, toTake: 1 });
  assertEquals(filter.judge(stepEvent(1, 1)).kind, "drop");
  const verdict = filter.judge(stepEvent(2, 0.5000000001));
  assertEquals(verdict, { kind: "diverged", field: "loss", logged: 0.5, replayed: 0.5000000001 });
  assertEquals(filter.judge(stepEvent(3, 1 / 3)).kind, "log");
});

Deno.test("ReplayFilter compares with the newest take of each step", async () => {
  await using story = new Story();
  story.steps(1, 4);
  story.take = 2;
  story.write("trainStep", { loss: 7, lr: 0.1, accuracy: null }, 3);
  const filter = new ReplayFilter(story.log, "job-1", { untilStep: 3, fromTake: 1, toTake: 2 });
  const verdicts = [stepEvent(2, 1 / 2), stepEvent(3, 7)].map((event) => filter.judge(event).kind);
  assertEquals(verdicts, ["drop", "drop"]);
});

Deno.test("ReplayFilter ends at a command of now", async () => {
  await using story = new Story();
  story.steps(1, 4);
  story.write("hparams_changed", {}, 4);
  const filter = new ReplayFilter(story.log, "job-1", { untilStep: 4, fromTake: 1, toTake: 1 });
  assertEquals(filter.judge(stepEvent(4, 1 / 4)).kind, "drop");
  assertEquals(filter.judge(other("hparams_changed", 4)).kind, "drop");
  assertEquals(filter.judge(other("command_applied", 4)).kind, "log");
  assertEquals(filter.judge(other("hparams_changed", 4)).kind, "log");
});

Deno.test("planRecovery() begins anew behind a reset, whatever is left of the takes before", async () => {
  await using story = new Story();
  story.steps(1, 20).saved(1, 10).saved(2, 20).reset().steps(1, 7).applied(
    "set_hparams",
    { lr: 2 },
    5,
  );
  const { point, commands, continuous, range } = await story.plan();
  assertEquals([point, continuous], [null, true]);
  assertEquals(range, { untilStep: 7, fromTake: 2, toTake: 2 });
  assertEquals(commands.map(({ applied_at_step }) => applied_at_step), [5]);
});

Deno.test("planRecovery() falls back to the reset, not behind it, when what came after is damaged", async () => {
  await using story = new Story();
  story.steps(1, 20).saved(1, 10).reset().steps(1, 6).saved(2, 4);
  assertEquals((await story.plan()).point?.record.checkpoint, 2);
  const { point, skipped, range } = await story.plan([2]);
  assertEquals([point, skipped], [null, [2]]);
  assertEquals(range, { untilStep: 6, fromTake: 2, toTake: 2 });
});

Deno.test("planRecovery() goes on at a checkpoint of before a reset that was loaded after it", async () => {
  await using story = new Story();
  story.steps(1, 20).saved(1, 10).reset().steps(1, 3).loaded(1, 10).steps(11, 12);
  const { point, range } = await story.plan();
  assertEquals([point?.record.checkpoint, point?.take], [1, 3]);
  assertEquals(range, { untilStep: 12, fromTake: 3, toTake: 3 });
});
