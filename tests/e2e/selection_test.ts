import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { decodeSafetensors } from "../../runtime/checkpoints/safetensors.ts";
import { ServerProcess } from "../fixtures/server_process.ts";

const SPIRALS = await Deno.readTextFile(new URL("../fixtures/spirals.ts", import.meta.url));
const TRAIN = 256;

type Answer = Record<string, unknown>;

/** Which samples a job trains on, from its first checkpoint. */
async function trained(server: ServerProcess, job: string): Promise<number[]> {
  const response = await fetch(`${server.url}/jobs/${job}/checkpoints/1`);
  const { tensors } = decodeSafetensors(new Uint8Array(await response.arrayBuffer()));
  return [...tensors.get("selection/indices")!.values as Int32Array];
}

Deno.test("selections are tried before anything is forked, and pick the same then", async (t) => {
  await using server = await ServerProcess.start();
  const job = await server.submit(SPIRALS, { max_steps: 60 });
  await server.state(job, "completed");
  const tryOut = (selection: unknown, more: Answer = {}) =>
    server.call("POST", `/jobs/${job}/selection`, { selection, ...more });
  const forked = async (selection: unknown) => {
    const request = { selection, config: { max_steps: 1 } };
    const { status, body } = await server.call("POST", `/jobs/${job}/fork`, request);
    assertEquals(status, 201, JSON.stringify(body));
    await server.state(String(body["id"]), "completed");
    return await trained(server, String(body["id"]));
  };
  const wrong = { kind: "misclassified" };
  const cases: Record<string, unknown> = {
    hardest: { kind: "hardest", n: 20 },
    region: { kind: "region", from: 0.5 },
    misclassified: wrong,
    label: { kind: "label", labels: [1] },
    kmeans: { kind: "kmeans", k: 3, clusters: [0] },
    combined: {
      kind: "and",
      selections: [{ kind: "label", labels: [0] }, { kind: "not", selection: wrong }],
    },
  };
  for (const [name, selection] of Object.entries(cases)) {
    await t.step(`${name}: count, share, losses and labels are those of the fork`, async () => {
      const { status, body } = await tryOut(selection);
      assertEquals(status, 200, JSON.stringify(body));
      assertEquals([body["samples"], Number(body["share"]) * TRAIN], [TRAIN, body["count"]]);
      assertEquals((body["loss"] as Answer)["count"], body["count"]);
      const stored = await server.call("GET", `/jobs/${job}/selections/${body["sha256"]}`);
      assertEquals(stored.body["selection"], selection);
      const picked = await forked({ kind: "stored", sha256: body["sha256"] });
      assertEquals(picked.length, body["count"]);
      const labels = body["labels"] as { value: number; count: number }[];
      assertEquals(labels.reduce((sum, { count }) => sum + count, 0), picked.length);
    });
  }

  await t.step("one report answers for all rules of a place", async () => {
    const { body } = await server.call("GET", `/jobs/${job}/reports`);
    // One for the losses and labels, one for the clusters.
    assertEquals((body["items"] as Answer[]).length, 2);
    const named = await tryOut(wrong, { report: 1 });
    assertEquals(named.body["report"], 1);
    const lacks = await tryOut({ kind: "kmeans", k: 3, clusters: [1] }, { report: 1 });
    assertEquals([lacks.status, lacks.body["field"]], [422, "report"]);
  });

  await t.step("what picks nothing, or is not there, is refused by its field", async () => {
    const refusals: [unknown, string][] = [
      [{ kind: "region", from: 1e9 }, "picks none of 256"],
      [{ kind: "label", labels: [7] }, "picks none"],
      [{ kind: "hardest", n: 257 }, "257 of 256"],
      [{ kind: "kmeans", k: 300, clusters: [0] }, "300 clusters of 256 samples"],
      [{ kind: "stored", sha256: "0".repeat(64) }, "there is no"],
    ];
    for (const [selection, detail] of refusals) {
      const { status, body } = await tryOut(selection);
      assert(status === 422 || status === 404, JSON.stringify(body));
      assertStringIncludes(String(body["detail"]), detail);
    }
  });

  await t.step("of: all is about the whole split, where a fork has a part of it", async () => {
    const { body } = await server.call("POST", `/jobs/${job}/fork`, {
      selection: { kind: "indices", indices: [0, 1, 2, 3, 4, 5, 6, 7, 8, 9] },
      config: { max_steps: 1 },
    });
    const child = String(body["id"]);
    await server.state(child, "completed");
    const count = async (selection: unknown) => {
      const tried = await server.call("POST", `/jobs/${child}/selection`, { selection });
      return tried.body["samples"];
    };
    assertEquals(await count({ kind: "hardest", n: 3 }), 10);
    assertEquals(await count({ kind: "hardest", n: 3, of: "all" }), TRAIN);
    const grandchild = await server.call("POST", `/jobs/${child}/fork`, {
      selection: { kind: "indices", indices: [200], of: "all" },
      config: { max_steps: 1 },
    });
    await server.state(String(grandchild.body["id"]), "completed");
    assertEquals(await trained(server, String(grandchild.body["id"])), [200]);
  });
});
