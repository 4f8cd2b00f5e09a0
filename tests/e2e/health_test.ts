import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { decodeSafetensors } from "../../runtime/checkpoints/safetensors.ts";
import { HEALTH_CHECKS, HealthReport } from "../../runtime/protocol/health.ts";
import { attachedJob, AttachedRun, freePort } from "../fixtures/attached_run.ts";
import { ServerProcess, type StreamedEvent } from "../fixtures/server_process.ts";

const SPIRALS = await Deno.readTextFile(new URL("../fixtures/spirals.ts", import.meta.url));
const STEPS = 600;

/** Tensors of the newest checkpoint, by name. */
async function newestTensors(server: ServerProcess, job: string) {
  const { body } = await server.call("GET", `/jobs/${job}/checkpoints`);
  const [{ checkpoint } = { checkpoint: 0 }] = body["items"] as { checkpoint: number }[];
  const response = await fetch(`${server.url}/jobs/${job}/checkpoints/${checkpoint}`);
  const { tensors } = decodeSafetensors(new Uint8Array(await response.arrayBuffer()));
  return new Map([...tensors].map(([name, { values }]) => [name, Array.from(values, Number)]));
}

async function losses(server: ServerProcess, job: string) {
  const { body } = await server.call("GET", `/jobs/${job}/metrics?series=loss&points=5000`);
  const { loss } = body["series"] as { loss: { step: number; last: number }[] };
  return loss.map(({ step, last }) => [step, last]);
}

Deno.test("POST /jobs/{id}/health/{check} answers for a live, a parked and an ended job", async (t) => {
  await using server = await ServerProcess.start();
  const config = { max_steps: STEPS, max_epochs: 100_000 };
  const calm = await server.submit(SPIRALS, config);
  const asked = await server.submit(SPIRALS, config);
  const check = async (name: string, body: Record<string, unknown> = {}) => {
    const answer = await server.call("POST", `/jobs/${asked}/health/${name}`, body);
    assertEquals(answer.status, 200, JSON.stringify(answer.body));
    const report = HealthReport.parse(answer.body["health"]);
    assertEquals([answer.body["command"], report.check], ["health", name]);
    return { receipt: answer.body, report };
  };

  await t.step("while it trains, a replay beside it", async () => {
    await server.event(`/jobs/${asked}/events?types=trainStep`, ({ data }) => data["step"] === 5);
    for (const name of HEALTH_CHECKS) {
      const { receipt, report } = await check(name);
      if (name === "determinism") assertEquals(report.status, "ok");
      assert(Number(receipt["applied_at_step"]) >= 5);
    }
  });
  await t.step("parked: from its newest checkpoint", async () => {
    const { status, body } = await server.call("POST", `/jobs/${asked}/pause`, { release: true });
    const parked = status === 200;
    for (const name of HEALTH_CHECKS) await check(name);
    const { report } = await check("throughput", { steps: 12 });
    assertEquals(report.figures["steps"], 12);
    // It may have come to its end before it could be parked.
    if (parked) await server.call("POST", `/jobs/${asked}/resume`);
    else assertStringIncludes(JSON.stringify(body), "completed");
  });
  await t.step("and leaves the run as it was to the bit", async () => {
    await Promise.all([server.state(asked, "completed"), server.state(calm, "completed")]);
    assertEquals(await losses(server, asked), await losses(server, calm));
    assertEquals(await newestTensors(server, asked), await newestTensors(server, calm));
  });
  await t.step("completed: state unchanged, the answer in the log", async () => {
    const { report } = await check("distribution");
    assert(report.layers.length > 0);
    const { body } = await server.call("GET", `/jobs/${asked}`);
    assertEquals(body["state"], "completed");
    const told: StreamedEvent[] = await Array.fromAsync(
      server.events(`/jobs/${asked}/events?types=health&follow=false`),
    );
    const checks = told.map(({ data }) => data["check"]);
    for (const name of HEALTH_CHECKS) assert(checks.filter((told) => told === name).length >= 2);
  });
  await t.step(
    "a check that there is not, and a field that it does not take, are named",
    async () => {
      const unknown = await server.call("POST", `/jobs/${asked}/health/gradient`);
      assertEquals(unknown.status, 404);
      assertStringIncludes(String(unknown.body["detail"]), "did you mean gradients?");
      const field = await server.call("POST", `/jobs/${asked}/health/distribution`, { steps: 3 });
      assertEquals([field.status, field.body["field"]], [422, "steps"]);
    },
  );
});

Deno.test("a script without a module replays in its own process, and goes on as it was", async () => {
  const port = freePort();
  await using server = await ServerProcess.start("--dashboard-port", String(port));
  await using _run = await AttachedRun.start({
    runName: "patient",
    maxEpochs: 10_000,
    port,
    delayMs: 1,
  });
  const job = await attachedJob(server, "patient");
  await server.event(`/jobs/${job}/events?types=trainStep`, ({ data }) => data["step"] === 5);
  for (const name of HEALTH_CHECKS) {
    const { status, body } = await server.call("POST", `/jobs/${job}/health/${name}`);
    assertEquals(status, 200, JSON.stringify(body));
    assertEquals(HealthReport.parse(body["health"]).check, name);
  }
  assertEquals((await server.call("GET", `/jobs/${job}`)).body["state"], "running");
  assertEquals((await server.call("POST", `/jobs/${job}/stop`)).status, 200);
});
