import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import type { GateResult } from "../../runtime/protocol/merge_gate.ts";
import { ServerProcess } from "../fixtures/server_process.ts";

const CLUSTERS = await Deno.readTextFile(new URL("../fixtures/clusters.ts", import.meta.url));

async function child(
  server: ServerProcess,
  job: string,
  call: "fork" | "merge",
  request: Record<string, unknown>,
): Promise<string> {
  const { status, body } = await server.call("POST", `/jobs/${job}/${call}`, request);
  assertEquals(status, 201, JSON.stringify(body));
  return String(body["id"]);
}

Deno.test("merges are judged against their parents, over HTTP", async (t) => {
  await using server = await ServerProcess.start();
  const base = await server.submit(CLUSTERS, { max_steps: 30, max_epochs: 100 });
  await server.state(base, "completed");
  const half = (from: number, to: number) =>
    child(server, base, "fork", {
      selection: { kind: "quantile", from, to },
      config: { max_steps: 30 },
    });
  const [easy, hard] = [await half(0, 0.5), await half(0.5, 1)];
  await Promise.all([server.state(easy, "completed"), server.state(hard, "completed")]);

  await t.step("the manifest holds what the gate found, and the log the event", async () => {
    const merged = await child(server, easy, "merge", { with: [hard], strategy: "ties" });
    const manifest = await server.state(merged, "parked");
    const gate = manifest["gate"] as GateResult;
    assertEquals([gate.split, gate.samples, gate.outcome], ["gate", 180, "kept"]);
    const models = gate.table!.filter(({ slice }) => slice === null).map(({ model }) => model);
    assertEquals(models, ["child", "parent", "parent", "ancestor", "parent", "parent"]);
    const sets = new Map(gate.table!.map(({ on, slice, samples }) => [`${on} ${slice}`, samples]));
    // Half of the 180 held out are as easy as what the one trained on, half as hard.
    assertEquals([...sets], [
      ["gate null", 180],
      [`gate ${easy}`, 90],
      [`gate ${hard}`, 90],
      [`train ${easy}`, 150],
      [`train ${hard}`, 150],
    ]);
    const { ancestor } = manifest["spawn"] as { ancestor: { job: string } };
    assertEquals(ancestor.job, base);
    const path = `/jobs/${merged}/events?types=merge_gate`;
    const { data } = await server.event(path, () => true);
    assertEquals([data["step"], data["accepted"]], [0, gate.accepted]);
    assertEquals((data["table"] as unknown[]).length, gate.table!.length);
    assertEquals(manifest["test_looks"], 0);
  });

  await t.step("a merge that is not accepted is discarded where that is asked for", async () => {
    const merged = await child(server, easy, "merge", {
      with: [hard],
      strategy: "swa",
      gate: { min_delta: 0.9, on_fail: "discard" },
    });
    const manifest = await server.state(merged, "failed");
    const { message, phase } = manifest["error"] as { message: string; phase: string };
    assertEquals(phase, "gate");
    assertStringIncludes(message, "the merge was discarded: by accuracy on gate");
    assertEquals((manifest["gate"] as GateResult).outcome, "discarded");
  });

  await t.step("a parent that the others came from is refused where nothing is left", async () => {
    const { status, body } = await server.call("POST", `/jobs/${base}/merge`, {
      with: [easy, hard],
      strategy: "task_arithmetic",
    });
    assertEquals([status, body["field"]], [422, "with"]);
    assertStringIncludes(String(body["detail"]), "itself a parent");
  });

  await t.step(
    "a distillation trains by itself, and is judged when its budget is spent",
    async () => {
      const student = await child(server, easy, "merge", {
        with: [hard, { job: base, checkpoint: 1 }],
        strategy: "distillation",
        config: { max_steps: 20 },
      });
      const manifest = await server.state(student, "completed");
      assertEquals([manifest["step"], manifest["start"]], [20, true]);
      const { table, notes } = manifest["gate"] as GateResult;
      assertEquals(notes, []);
      assert(table!.every(({ loss }) => loss !== null));
      const { data } = await server.event(`/jobs/${student}/events?types=merge_gate`, () => true);
      assertEquals(data["step"], 20);
      const test = await server.call("POST", `/jobs/${student}/test`, { split: "test" });
      assertEquals(test.status, 200, JSON.stringify(test.body));
    },
  );
});
