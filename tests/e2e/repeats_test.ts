/**
 * The property of `tests/runtime/repeats_test.ts` with the server between: whatever people ask of a
 * job, and whichever process dies, its losses and its final weights are those of the job that nobody
 * disturbed. `REPEAT_PLANS` sets how many plans are tried, `REPEAT_SEED` which.
 */
import { assert, assertEquals } from "@std/assert";
import { everythingModule, SCHEDULES } from "../fixtures/everything_module.ts";
import { type PlannedAction, plansToTry, randomPlan, told } from "../fixtures/random_plan.ts";
import { ServerProcess } from "../fixtures/server_process.ts";
import { workerPids } from "../fixtures/worker_pids.ts";

const PLANS = plansToTry(3);
const STEPS = 120;
/** A sample is this long in coming, so that there is time to do something in the middle. */
const DELAY_MS = 8;

const ACTIONS = [
  "kill the server",
  "report",
  "kill the worker",
  "fork",
  "park",
  "rewind",
  "test",
  "pause",
  "save",
] as const;
type Action = (typeof ACTIONS)[number];

type Answer = Record<string, unknown>;

/** One job of a server that may die meanwhile. */
class Job {
  constructor(readonly server: ServerProcess, readonly id: string) {}

  async carryOut({ at, action }: PlannedAction<Action>): Promise<void> {
    const { take } = await this.manifest();
    for await (const { type, data } of this.server.events(`/jobs/${this.id}/events`)) {
      if (type === "trainStep" && Number(data["take"]) >= Number(take)) {
        if (Number(data["step"]) >= at) break;
      }
      // It was faster than its plan: there is nothing left to disturb.
      if (type === "trainingFinished") return;
    }
    await this.#do(action);
  }

  async manifest(): Promise<Answer> {
    return (await this.server.call("GET", `/jobs/${this.id}`)).body;
  }

  /** The newest loss of every step, by axis step. */
  async losses(): Promise<Map<number, unknown>> {
    const path = `/jobs/${this.id}/events?types=trainStep&follow=false`;
    const losses = new Map<number, unknown>();
    for await (const { data } of this.server.events(path)) {
      losses.set(Number(data["axis_step"]), data["loss"]);
    }
    return losses;
  }

  /** Every tensor of its last checkpoint. */
  async weights(): Promise<Uint8Array> {
    const { body } = await this.server.call("GET", `/jobs/${this.id}/checkpoints`);
    const [newest] = body["items"] as { links: { self: string }; step: number }[];
    assertEquals(newest!.step, STEPS);
    const file = await fetch(this.server.url + newest!.links.self);
    const bytes = new Uint8Array(await file.arrayBuffer());
    return bytes.slice(8 + Number(new DataView(bytes.buffer).getBigUint64(0, true)));
  }

  async #do(action: Action): Promise<void> {
    switch (action) {
      case "kill the server":
        await this.server.kill();
        return await this.server.start();
      case "kill the worker":
        for (const pid of workerPids(this.server.dataDir)) Deno.kill(pid, "SIGKILL");
        return;
      case "report":
        return await this.#ask("report", { split: "train" });
      case "fork":
        return await this.#ask("fork", {
          selection: { kind: "all" },
          config: { max_steps: 10, max_epochs: 1_000 },
        });
      case "test":
        return await this.#ask("test");
      case "save":
        return await this.#ask("checkpoints");
      case "pause":
      case "park":
        await this.#ask("pause", { release: action === "park" });
        return await this.#ask("resume");
      case "rewind": {
        const { body } = await this.server.call("GET", `/jobs/${this.id}/checkpoints`);
        const oldest = (body["items"] as { checkpoint: number }[]).at(-1)!;
        await this.#ask("rewind", { checkpoint: oldest.checkpoint });
        return await this.#ask("resume");
      }
    }
  }

  /** A refusal because the job has just ended disturbs nothing. */
  async #ask(call: string, body: Answer = {}): Promise<void> {
    const answer = await this.server.call("POST", `/jobs/${this.id}/${call}`, body);
    assert(answer.status < 300 || answer.status === 409, JSON.stringify(answer.body));
  }
}

let tried = 0;

for (let number = 0; number < PLANS; number++) {
  const plan = randomPlan(number, {
    steps: STEPS,
    actions: ACTIONS,
    count: 5,
    backends: ["wasm", "cpu"],
  });
  const { name, optimizer, schedule, backend, config, actions } = plan;
  Deno.test(`plan ${name} repeats to the bit: ${optimizer} on ${backend}, ${told(actions)}`, async () => {
    await using server = await ServerProcess.start("--backend", backend);
    const run = async (delayMs: number) =>
      new Job(
        server,
        await server.submit(everythingModule({ optimizer, schedule, delayMs }), config),
      );
    const shaken = await run(DELAY_MS);
    for (const action of actions) await shaken.carryOut(action);
    const calm = await run(0);
    for (const job of [shaken, calm]) {
      assertEquals((await server.state(job.id, "completed", "failed"))["error"], null);
    }
    const expected = await calm.losses();
    assertEquals(expected.size, STEPS);
    assertEquals(await shaken.losses(), expected);
    assertEquals(await shaken.weights(), await calm.weights());
    assertEquals(
      (await server.call("POST", `/jobs/${shaken.id}/certificate`, {})).body["result"],
      "identical",
    );
    // A fork validates by its own steps, and this schedule goes by validation.
    if (!schedule.startsWith("reduceOnPlateau")) {
      for (const fork of await forksOf(server, shaken.id)) {
        for (const [step, loss] of await fork.losses()) {
          if (step <= STEPS) assertEquals(loss, expected.get(step), `step ${step} of a fork`);
        }
      }
    }
    tried++;
  });
}

async function forksOf(server: ServerProcess, parent: string): Promise<Job[]> {
  const { body } = await server.call("GET", "/jobs");
  const forks = (body["items"] as { id: string; parents: string[] }[])
    .filter(({ parents }) => parents.includes(parent));
  for (const { id } of forks) await server.state(id, "completed", "failed");
  return forks.map(({ id }) => new Job(server, id));
}

Deno.test("a completed job with a raised budget trains to the bits of one that had it all along", async () => {
  await using server = await ServerProcess.start();
  const module = everythingModule({ optimizer: "adam(0.01)", schedule: SCHEDULES[1]! });
  const config = { on_non_finite: "skip", test_after: true };
  const raised = new Job(server, await server.submit(module, { ...config, max_steps: STEPS / 2 }));
  const calm = new Job(server, await server.submit(module, { ...config, max_steps: STEPS }));
  await server.state(raised.id, "completed");
  const { status } = await server.call("POST", `/jobs/${raised.id}/resume`, { max_steps: STEPS });
  assertEquals(status, 200);
  for (const { id } of [raised, calm]) await server.state(id, "completed");
  assertEquals(await raised.losses(), await calm.losses());
  assertEquals(await raised.weights(), await calm.weights());
});

Deno.test("how many plans were tried on servers", () => {
  console.log(`${tried} of ${PLANS} plans repeated to the bit, through servers`);
});
