import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { ServerProcess } from "../fixtures/server_process.ts";

const SPIRALS = await Deno.readTextFile(new URL("../fixtures/spirals.ts", import.meta.url));
const TRAIN = 256;

interface Row {
  row: number;
  index: number;
  loss: number | null;
  label: number;
  prediction: number;
  margin: number;
}

/** Every row of a report, page by page. */
async function rowsOf(server: ServerProcess, report: string, sort: string): Promise<Row[]> {
  const rows: Row[] = [];
  let cursor: unknown = "0";
  while (cursor !== null) {
    const query = `sort=${sort}&limit=100&cursor=${cursor}`;
    const { status, body } = await server.call("GET", `${report}/rows?${query}`);
    assertEquals(status, 200, JSON.stringify(body));
    rows.push(...body["items"] as Row[]);
    cursor = body["next_cursor"];
  }
  return rows;
}

Deno.test("a report of a job's samples, while it trains", async (t) => {
  await using server = await ServerProcess.start();
  const job = await server.submit(SPIRALS, { max_epochs: 100_000 });
  await server.event(`/jobs/${job}/events?types=trainStep`, ({ data }) => data["step"] === 50);
  const { status, body: report } = await server.call("POST", `/jobs/${job}/report`, {});

  await t.step("has a row a sample, in the dataset's order, and describes them", async () => {
    assertEquals(status, 200, JSON.stringify(report));
    assertEquals([report["samples"], report["split"], report["status"]], [
      TRAIN,
      "train",
      "applied",
    ]);
    assert(Number(report["applied_at_step"]) >= 50);
    const rows = await rowsOf(server, `/jobs/${job}/reports/${report["report"]}`, "index");
    assertEquals(rows.map(({ index }) => index), Array.from({ length: TRAIN }, (_, at) => at));
    const mean = rows.reduce((sum, { loss }) => sum + loss!, 0) / TRAIN;
    const summary = report["summary"] as { loss: { mean: number }; accuracy: number };
    assert(Math.abs(mean - summary.loss.mean) < 1e-5);
    const right = rows.filter(({ label, prediction }) => label === prediction);
    assertEquals(right.length / TRAIN, summary.accuracy);
    assert(rows.every(({ label, prediction, margin }) => (margin >= 0) === (label === prediction)));
  });

  await t.step("its mean loss is that of a test at the same checkpoint", async () => {
    await server.call("POST", `/jobs/${job}/pause`, {});
    const tested = await server.call("POST", `/jobs/${job}/test`, { split: "train" });
    const now = await server.call("POST", `/jobs/${job}/report`, {});
    assertEquals(now.body["applied_at_step"], tested.body["applied_at_step"]);
    const { loss } = now.body["summary"] as { loss: { mean: number } };
    assert(Math.abs(loss.mean - Number(tested.body["loss"])) < 1e-5);
  });

  await t.step("is kept: listed, read again, sorted by any column", async () => {
    const { body } = await server.call("GET", `/jobs/${job}/reports`);
    const reports = body["items"] as { report: number }[];
    assertEquals(reports.map((each) => each.report), [2, 1]);
    const hardest = await rowsOf(server, `/jobs/${job}/reports/1`, "-loss");
    assertEquals(hardest.length, TRAIN);
    const losses = hardest.map(({ loss }) => loss!);
    assertEquals(losses, losses.toSorted((a, b) => b - a));
    const refused = await server.call("GET", `/jobs/${job}/reports/1/rows?sort=colour`);
    assertEquals(refused.status, 422);
    assertEquals((await server.call("GET", `/jobs/${job}/reports/9`)).status, 404);
  });

  await t.step(
    "a split that there is not is refused, at a checkpoint that there is not too",
    async () => {
      const nowhere = await server.call("POST", `/jobs/${job}/report`, { at: 99_999 });
      assertEquals(nowhere.status, 404);
      const strange = await server.call("POST", `/jobs/${job}/report`, { split: "dev" });
      assertEquals(strange.status, 422);
      assertStringIncludes(String(strange.body["detail"]), "split");
    },
  );

  await t.step("in training mode it is seeded: the same twice", async () => {
    const at = report["checkpoint"];
    const ask = () => server.call("POST", `/jobs/${job}/report`, { at, training_mode: true });
    const [one, two] = [await ask(), await ask()];
    assertEquals(one.status, 200, JSON.stringify(one.body));
    assertEquals(one.body["columns"], two.body["columns"]);
  });

  await t.step(
    "with an embedding it groups samples, describes the groups, lays them out",
    async () => {
      const embedding = { k: "auto", projection: "umap" };
      const { body } = await server.call("POST", `/jobs/${job}/report`, { embedding });
      const found = body["embedding"] as { k: number; clusters: { count: number }[] };
      assert(found.k >= 2 && found.clusters.length === found.k, JSON.stringify(body));
      assertEquals(found.clusters.reduce((sum, { count }) => sum + count, 0), TRAIN);
      const rows = await rowsOf(server, `/jobs/${job}/reports/${body["report"]}`, "cluster");
      assert(rows.every((row) => "x" in row && "y" in row));
    },
  );

  await t.step("a fork's report is of the samples that it trains on, or of all", async () => {
    const { body: fork } = await server.call("POST", `/jobs/${job}/fork`, {
      selection: { kind: "indices", indices: [9, 3, 200] },
      config: { max_steps: 1 },
    });
    await server.state(String(fork["id"]), "completed");
    const own = await server.call("POST", `/jobs/${fork["id"]}/report`, {});
    const rows = await rowsOf(server, `/jobs/${fork["id"]}/reports/1`, "index");
    assertEquals([own.body["samples"], rows.map(({ index }) => index)], [3, [3, 9, 200]]);
    const all = await server.call("POST", `/jobs/${fork["id"]}/report`, { of: "all" });
    assertEquals(all.body["samples"], TRAIN);
  });
});
