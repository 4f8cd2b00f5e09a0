import { assertEquals, assertRejects } from "@std/assert";
import type { ControlRequest, ForkRequest, MergeRequest } from "../../jobs/control_plane.ts";
import { ConflictError, StateConflictError } from "../../jobs/errors.ts";
import type { JobState } from "../../jobs/job.ts";
import { FORK } from "../fixtures/fork_request.ts";
import { MERGE } from "../fixtures/merge_request.ts";
import { SupervisorFixture } from "../fixtures/supervisor_fixture.ts";

/** Seed of the jobs that fail at step 7. */
const UNLUCKY = 13;
const FOREVER = { max_epochs: 100_000, ckpt_every_steps: 5 };

const PARKED: ForkRequest = { ...FORK, start: false };

const COMMANDS = {
  resume: { command: "resume" },
  "resume with more": { command: "resume", max_epochs: 200_000 },
  pause: { command: "pause", release: false },
  release: { command: "pause", release: true },
  stop: { command: "stop" },
  hparams: { command: "hparams", lr: 0.5 },
  rewind: { command: "rewind", checkpoint: 1 },
  test: { command: "test", split: "test" },
  checkpoint: { command: "checkpoint" },
} as const satisfies Record<string, ControlRequest>;

type Row = Record<keyof typeof COMMANDS | "fork" | "merge", JobState | "409">;

/** DESIGN section 7: the state that each command leaves, or the refusal. */
const TABLE: Partial<Record<JobState, Row>> = {
  queued: {
    resume: "409",
    "resume with more": "409",
    pause: "parked",
    release: "parked",
    stop: "stopped",
    hparams: "queued",
    rewind: "409",
    test: "409",
    checkpoint: "409",
    fork: "409",
    merge: "409",
  },
  running: {
    resume: "running",
    "resume with more": "running",
    pause: "paused",
    release: "parked",
    stop: "stopped",
    hparams: "running",
    rewind: "running",
    test: "running",
    checkpoint: "running",
    fork: "running",
    merge: "running",
  },
  paused: {
    resume: "running",
    "resume with more": "running",
    pause: "paused",
    release: "parked",
    stop: "stopped",
    hparams: "paused",
    rewind: "paused",
    test: "paused",
    checkpoint: "paused",
    fork: "paused",
    merge: "paused",
  },
  parked: {
    resume: "running",
    "resume with more": "running",
    pause: "parked",
    release: "parked",
    stop: "stopped",
    hparams: "parked",
    rewind: "parked",
    test: "parked",
    checkpoint: "parked",
    fork: "parked",
    merge: "parked",
  },
  completed: {
    resume: "409",
    "resume with more": "running",
    pause: "409",
    release: "409",
    stop: "409",
    hparams: "409",
    rewind: "parked",
    test: "completed",
    checkpoint: "completed",
    fork: "completed",
    merge: "completed",
  },
  stopped: {
    resume: "409",
    "resume with more": "running",
    pause: "409",
    release: "409",
    stop: "409",
    hparams: "409",
    rewind: "parked",
    test: "stopped",
    checkpoint: "stopped",
    fork: "stopped",
    merge: "stopped",
  },
  failed: {
    resume: "409",
    "resume with more": "409",
    pause: "409",
    release: "409",
    stop: "409",
    hparams: "409",
    rewind: "parked",
    test: "failed",
    checkpoint: "failed",
    fork: "failed",
    merge: "failed",
  },
};

for (const [state, row] of Object.entries(TABLE) as [JobState, Row][]) {
  Deno.test(`command() on a ${state} job does what the table of states says`, async () => {
    await using fixture = await SupervisorFixture.open({
      trainingSlots: state === "queued" ? 0 : 20,
    });
    fixture.launcher.script = {
      beforeStep: async (step, { config, goal }) => {
        if (config.seed === UNLUCKY && step === 7 && goal === "running") throw new Error("unlucky");
        if (step > 12) await new Promise((resolve) => setTimeout(resolve, 10));
      },
    };
    await Promise.all(
      Object.entries(row).map(async ([command, expected]) => {
        const id = await bring(fixture, state);
        const label = `${command} on ${state}`;
        if (expected === "409") {
          const error = await assertRejects(() => ask(fixture, id, command), label);
          const refused = error instanceof StateConflictError || error instanceof ConflictError;
          if (!refused) throw new Error(`${label}: ${error}`, { cause: error });
          assertEquals((await fixture.jobs.get(id)).state, state, label);
          return;
        }
        await ask(fixture, id, command).catch((error) => {
          throw new Error(`${label}: ${error.message}`, { cause: error });
        });
        const { state: left } = await fixture.until(id, (manifest) => manifest.state === expected)
          .catch((error) => {
            throw new Error(`${label}: ${error.message}`);
          });
        assertEquals(left, expected, label);
      }),
    );
  });
}

Deno.test("a job without a checkpoint says what it takes instead of what needs one", async () => {
  await using fixture = await SupervisorFixture.open();
  fixture.launcher.script = { onImport: () => Promise.reject(new Error("no import")) };
  const { id } = await fixture.submit(FOREVER);
  await fixture.untilState(id, "failed");
  for (const command of ["fork", "test", "checkpoint", "rewind"]) {
    const { message, allowed } = await assertRejects(
      () => ask(fixture, id, command),
      StateConflictError,
    );
    assertEquals(allowed, ["delete"]);
    assertEquals(
      message,
      `a failed job without a checkpoint does not take ${command}; it takes delete`,
    );
  }
});

/** A job in this state, past its twelfth step where it trains for long. */
async function bring(fixture: SupervisorFixture, state: JobState): Promise<string> {
  const particular: Partial<Record<JobState, Record<string, unknown>>> = {
    completed: { max_epochs: 2 },
    failed: { seed: UNLUCKY },
  };
  const { id } = await fixture.submit({ ...FOREVER, ...particular[state] });
  if (state === "queued") return id;
  if (state === "completed" || state === "failed") {
    await fixture.untilState(id, state);
    return id;
  }
  await fixture.untilStep(id, 12);
  if (state === "paused") await fixture.control(id, COMMANDS.pause);
  if (state === "parked") await fixture.control(id, COMMANDS.release);
  if (state === "stopped") await fixture.control(id, COMMANDS.stop);
  return id;
}

async function ask(fixture: SupervisorFixture, id: string, command: string): Promise<unknown> {
  if (command === "fork") return await fixture.jobs.fork(id, PARKED, "tester");
  if (command === "merge") {
    const partner = await fixture.jobs.fork(id, PARKED, "tester");
    await fixture.control(partner.job.id, { command: "checkpoint" });
    const request: MergeRequest = {
      ...MERGE,
      with: [{ job: partner.job.id }],
    };
    const { job } = await fixture.jobs.merge(id, request, "tester");
    return await fixture.untilState(job.id, "parked");
  }
  return await fixture.control(id, COMMANDS[command as keyof typeof COMMANDS]);
}
