import { assert, assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import { getLogger } from "@logtape/logtape";
import { TrainerServer } from "../../jobs/attached/trainer_server.ts";
import { event, hello, started, step, TrainerClient } from "../fixtures/trainer_client.ts";
import { TrainerServerFixture } from "../fixtures/trainer_server_fixture.ts";

const isAck = (seq: number) => (line: Record<string, unknown>) =>
  line["cmd"] === "ack" && (line["payload"] as { event_seq: number }).event_seq >= seq;

Deno.test("TrainerServer takes events in any order, each once, and acknowledges what is whole", async () => {
  await using harness = await TrainerServerFixture.open();
  await using client = await harness.connect();
  await client.send(hello());
  const context = (await client.next())!["payload"] as { job: string; acknowledged: number };
  assertEquals(context.acknowledged, 0);
  await client.send(started(), step(2), step(1), step(2), step(3), step(1));
  await client.send(event(5, "log", { level: "info", message: "x", source: "module" }));
  await client.until(isAck(5));
  const steps = await harness.inside.steps(context.job);
  assertEquals(steps.map(([, number]) => number), [2, 1, 3]);
});

Deno.test("TrainerServer tells a trainer that dials again what it has", async () => {
  await using harness = await TrainerServerFixture.open();
  let job = "";
  {
    await using client = await harness.connect();
    await client.send(hello(), started(), step(1), event(3, "resumed", { step: 1, epoch: 0 }));
    job = String(((await client.next())!["payload"] as { job: string }).job);
    await client.until(isAck(3));
  }
  await harness.inside.untilState(job, "recovering");
  await using client = await harness.connect();
  await client.send(hello());
  const { payload } = (await client.next())!;
  assertEquals((payload as { acknowledged: number }).acknowledged, 3);
  assertEquals((payload as { job: string }).job, job);
  await harness.inside.untilState(job, "running");
});

Deno.test("TrainerServer refuses a second trainer of a run, and the first goes on", async () => {
  await using harness = await TrainerServerFixture.open();
  await using first = await harness.connect();
  await first.send(hello(), started());
  await first.until(isAck(1));
  await using second = await harness.connect();
  await second.send(hello({ claim: "somebody else's secret" }));
  const refused = (await second.next())!;
  assertEquals([refused["ok"], refused["error"]], [false, "run_claimed"]);
  assertEquals(await second.next(), null);
  await first.send(event(2, "log", { level: "info", message: "still here", source: "module" }));
  await first.until(isAck(2));
  assertEquals((await harness.jobs()).length, 1);
});

Deno.test("TrainerServer cuts off what is no trainer, with one line in its log", async () => {
  await using harness = await TrainerServerFixture.open();
  await using impatient = await TrainerServerFixture.open(null, 300);
  const line = "x".repeat(1_000_000);
  const cases: [string, (client: TrainerClient) => Promise<void>, string][] = [
    ["garbage", (client) => client.write("GET / HTTP/1.1\r\n\r\n"), "no JSON"],
    ["half a line", (client) => client.write('{"type":"hel'), "said nothing"],
    ["silence", () => Promise.resolve(), "said nothing"],
    ["a wrong hello", (client) => client.send({ type: "hello", protocol: 1 }), "claim"],
    ["another protocol", (client) => client.send(hello({ protocol: 99 })), "protocol 99"],
    ["100 MB without a line break", async (client) => {
      for (let count = 0; count < 100; count++) await client.write(line);
    }, "more than"],
    ["garbage after its hello", async (client) => {
      await client.send(hello({ run_id: "run-2" }));
      await client.write("nonsense\n");
    }, "no JSON"],
    ["nonsense in an event", async (client) => {
      const stamp = { run_id: "run-3", event_seq: 1 };
      await client.send(hello({ run_id: "run-3" }), { ...step(1) as object, ...stamp, step: 1.5 });
    }, "neither event nor reply"],
  ];
  for (const [what, say, why] of cases) {
    const { logged, server } = why === "said nothing" ? impatient : harness;
    logged.length = 0;
    await using client = await TrainerClient.connect(server.port);
    await say(client).catch(() => {/* It may hang up in the middle. */});
    await client.rest();
    await until(() => logged.length > 0);
    assertEquals(logged.length, 1, what);
    assertStringIncludes(logged[0]!, why, what);
  }
  await using client = await harness.connect();
  await client.send(hello({ run_id: "run-1" }), started());
  await client.until(isAck(1));
});

Deno.test("TrainerServer with a token takes who has it in the first line, and nobody else", async () => {
  await using harness = await TrainerServerFixture.open("a token of some length");
  for (const token of [undefined, "a token of other length"]) {
    await using stranger = await harness.connect();
    await stranger.send(hello(token === undefined ? {} : { token }));
    assertEquals((await stranger.next())!["error"], "bad_token");
  }
  await using client = await harness.connect();
  await client.send(hello({ token: "a token of some length" }));
  assertEquals((await client.next())!["cmd"], "attach_context");
});

Deno.test("TrainerServer says when its port is taken", async () => {
  await using harness = await TrainerServerFixture.open();
  const { port } = harness.server;
  const logger = getLogger(["test"]);
  const host = harness.inside.jobs;
  assertThrows(
    () =>
      new TrainerServer({ hostname: "127.0.0.1", port, token: null, serverUrl: "", host, logger }),
    Deno.errors.AddrInUse,
  );
});

/** Resolves when it holds; asked at each turn of the event loop. */
async function until(holds: () => boolean): Promise<void> {
  const limit = AbortSignal.timeout(5_000);
  while (!holds()) {
    assert(!limit.aborted);
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
}
