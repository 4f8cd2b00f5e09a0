import { assert, assertEquals } from "@std/assert";
import { ServerProcess, type StreamedEvent } from "../fixtures/server_process.ts";
import { workerPids } from "../fixtures/worker_pids.ts";

const SPIRALS = await Deno.readTextFile(new URL("../fixtures/spirals.ts", import.meta.url));
const CONFIG = { max_epochs: 100_000, max_steps: 1200, ckpt_every_steps: 50 };

/** A subscriber that comes back with its last id whenever the line is cut. */
class Subscriber {
  readonly seen: StreamedEvent[] = [];
  readonly #server: ServerProcess;
  readonly #path: string;

  constructor(server: ServerProcess, path: string) {
    this.#server = server;
    this.#path = path;
  }

  /** Reads on until an event fits; a cut line ends the read quietly and answers null. */
  async until(fits: (event: StreamedEvent) => boolean): Promise<StreamedEvent | null> {
    try {
      for await (const event of this.#server.events(this.#path, this.seen.at(-1)?.id)) {
        this.seen.push(event);
        if (fits(event)) return event;
      }
    } catch (error) {
      if (!(error instanceof TypeError)) throw error; // fetch: the line was cut
    }
    return null;
  }

  of(type: string): StreamedEvent[] {
    return this.seen.filter((event) => event.type === type);
  }

  get steps(): number[] {
    return this.of("trainStep").map(({ data }) => Number(data["step"]));
  }

  get losses(): unknown[] {
    return this.of("trainStep").map(({ data }) => data["loss"]);
  }
}

const finished = ({ type }: StreamedEvent) => type === "trainingFinished";
const atStep = (step: number) => ({ type, data }: StreamedEvent) =>
  type === "trainStep" && Number(data["step"]) >= step;
const allSteps = Array.from({ length: CONFIG.max_steps }, (_, i) => i + 1);

/** A step between `from` and `to`, another one each time the tests run. */
function randomStep(from: number, to: number): number {
  return from + Math.floor(Math.random() * (to - from));
}

function killWorkers(server: ServerProcess): void {
  const pids = workerPids(server.dataDir);
  assert(pids.length > 0, "no worker is there to kill");
  for (const pid of pids) Deno.kill(pid, "SIGKILL");
}

Deno.test("a worker killed at random steps: every step once, in order, the same bits", async () => {
  await using server = await ServerProcess.start();
  const calm = new Subscriber(server, `/jobs/${await server.submit(SPIRALS, CONFIG)}/events`);
  await calm.until(finished);
  const job = await server.submit(SPIRALS, CONFIG);
  const shaken = new Subscriber(server, `/jobs/${job}/events`);
  for (const step of [randomStep(20, 300), randomStep(400, 800)]) {
    await shaken.until(atStep(step));
    killWorkers(server);
    assert(await shaken.until(({ type }) => type === "recovered") !== null);
  }
  await shaken.until(finished);
  assertEquals(shaken.steps, allSteps);
  assertEquals(shaken.losses, calm.losses);
  assertEquals(shaken.of("replay_diverged"), []);
  assertEquals((await server.state(job, "completed"))["attempt"], 3);
});

Deno.test("a server killed at random, a learning rate change before: nothing missing, nothing twice", async () => {
  await using server = await ServerProcess.start();
  const job = await server.submit(SPIRALS, CONFIG);
  const subscriber = new Subscriber(server, `/jobs/${job}/events`);
  await subscriber.until(atStep(randomStep(50, 200)));
  const changed = await server.call("PATCH", `/jobs/${job}/hparams`, { lr: 0.001 });
  assertEquals(changed.status, 200);
  const at = Number(changed.body["applied_at_step"]);
  await subscriber.until(atStep(at + randomStep(1, 200)));
  await server.kill();
  await subscriber.until(() => false);
  await server.start();
  await subscriber.until(finished);
  assertEquals(subscriber.steps, allSteps);
  for (const { data } of subscriber.of("trainStep")) {
    assertEquals(data["lr"], Number(data["step"]) <= at ? 0.01 : 0.001, `step ${data["step"]}`);
  }
  assertEquals(subscriber.of("replay_diverged"), []);
  const ids = subscriber.seen.map(({ id }) => Number(id.split("-").at(-1)));
  assertEquals(ids, [...new Set(ids)].sort((a, b) => a - b));
});

Deno.test("a server killed while a job is paused: it is still paused, at the same step", async () => {
  await using server = await ServerProcess.start();
  const job = await server.submit(SPIRALS, CONFIG);
  const subscriber = new Subscriber(server, `/jobs/${job}/events`);
  await subscriber.until(atStep(randomStep(30, 300)));
  const { body } = await server.call("POST", `/jobs/${job}/pause`);
  await server.kill();
  await server.start();
  const manifest = await server.state(job, "paused", "parked");
  assertEquals(manifest["step"], body["applied_at_step"]);
  assertEquals((await server.call("POST", `/jobs/${job}/resume`)).status, 200);
  await subscriber.until(finished);
  assertEquals(subscriber.steps, allSteps);
});

Deno.test("a server asked to end saves its running jobs, and they go on after the next start", async () => {
  await using server = await ServerProcess.start();
  const job = await server.submit(SPIRALS, CONFIG);
  const subscriber = new Subscriber(server, `/jobs/${job}/events`);
  await subscriber.until(atStep(100));
  assertEquals(await server.terminate(), 0);
  await subscriber.until(() => false);
  await server.start();
  await subscriber.until(finished);
  assertEquals(subscriber.steps, allSteps);
  assert(subscriber.of("checkpoint_saved").some(({ data }) => data["reason"] === "shutdown"));
});
