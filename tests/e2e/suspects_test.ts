import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { decodeSafetensors } from "../../runtime/checkpoints/safetensors.ts";
import { flipped } from "../fixtures/noisy_labels.ts";
import { ServerProcess } from "../fixtures/server_process.ts";

const NOISY = await Deno.readTextFile(new URL("../fixtures/noisy_labels.ts", import.meta.url));
const FOLDS = { folds: 4, steps: 80 };
const TRAIN = 400;

type Answer = Record<string, unknown>;
interface Item {
  index: number | null;
  row: number | null;
  kind: string;
  score: number;
  evidence: Answer;
}

async function search(server: ServerProcess, job: string, body: Answer): Promise<Answer> {
  const { status, body: answer } = await server.call("POST", `/jobs/${job}/suspects`, body);
  assertEquals(status, 200, JSON.stringify(answer));
  return answer;
}

async function itemsOf(
  server: ServerProcess,
  job: string,
  run: unknown,
  kind: string,
): Promise<Item[]> {
  const items: Item[] = [];
  for (let cursor: unknown = "0"; cursor !== null;) {
    const path = `/jobs/${job}/suspects/${run}/items?kind=${kind}&limit=7&cursor=${cursor}`;
    const { status, body } = await server.call("GET", path);
    assertEquals(status, 200, JSON.stringify(body));
    items.push(...body["items"] as Item[]);
    cursor = body["next_cursor"];
  }
  return items;
}

function finding(answer: Answer, kind: string): Answer {
  return (answer["findings"] as Answer[]).find((found) => found["kind"] === kind)!;
}

Deno.test("suspects of a job with flipped labels, a leak, a copy and an outlier", async (t) => {
  await using server = await ServerProcess.start();
  const wrong = flipped(0.1);
  const job = await server.submit(NOISY, { hparams: { flips: 0.1 }, max_epochs: 3 });
  await server.state(job, "completed");
  const before = await server.call("GET", `/jobs/${job}`);
  const answer = await search(server, job, FOLDS);

  await t.step("mislabelled: most flips are found out of fold, with few false alarms", async () => {
    const { figures, count } = finding(answer, "mislabelled") as { figures: Answer; count: number };
    assertEquals(figures["evidence"], "out_of_fold");
    const found = await itemsOf(server, job, answer["run"], "mislabelled");
    assertEquals(found.length, count);
    const hits = found.filter(({ index }) => wrong.has(index!)).length;
    assert(hits / wrong.size > 0.7, `recall ${hits} of ${wrong.size}`);
    assert(hits / found.length > 0.7, `precision ${hits} of ${found.length}`);
    const scores = found.map(({ score }) => score);
    assertEquals(scores, scores.toSorted((a, b) => b - a));
    for (const { index, evidence } of found.filter(({ index }) => wrong.has(index!))) {
      assertEquals(evidence["given"], wrong.get(index!));
    }
  });

  await t.step("duplicates: the leak into val first, then the copy within", async () => {
    const found = await itemsOf(server, job, answer["run"], "duplicates");
    assertEquals(
      found.map(({ index, evidence }) => [index, evidence["of_split"], evidence["of_index"]]),
      [[37, "val", 7], [20, "train", 10]],
    );
    assert(found.every(({ evidence }) => evidence["exact"] === true));
  });

  await t.step("outliers: the sample that is far out is the first", async () => {
    const found = await itemsOf(server, job, answer["run"], "outliers");
    assertEquals(found[0]?.index, 33);
    assert(found.length <= 8, `${found.length} outliers`);
  });

  await t.step("the search is kept, and the job is as it was", async () => {
    const { body } = await server.call("GET", `/jobs/${job}/suspects`);
    assertEquals((body["items"] as Answer[]).map(({ run }) => run), [1]);
    const one = await server.call("GET", `/jobs/${job}/suspects/1`);
    assertEquals(one.body["findings"], answer["findings"]);
    assertEquals((await server.call("GET", `/jobs/${job}/suspects/2`)).status, 404);
    const after = await server.call("GET", `/jobs/${job}`);
    assertEquals([after.body["state"], after.body["step"], after.body["test_looks"]], [
      before.body["state"],
      before.body["step"],
      before.body["test_looks"],
    ]);
  });

  await t.step(
    "the same seed finds the same; labels of val are judged by the job's model",
    async () => {
      const again = await search(server, job, { ...FOLDS, kinds: ["mislabelled"] });
      assertEquals(finding(again, "mislabelled"), finding(answer, "mislabelled"));
      assertEquals(
        await itemsOf(server, job, again["run"], "mislabelled"),
        await itemsOf(server, job, answer["run"], "mislabelled"),
      );
      const val = await search(server, job, { split: "val", kinds: ["mislabelled"] });
      const { figures } = finding(val, "mislabelled") as { figures: Answer };
      assertStringIncludes(String(figures["judges"]), "trains on none of val");
    },
  );

  await t.step("a fork on the hardest leaves the suspects out, for good", async () => {
    const hardest = { kind: "hardest", n: 60 };
    const held = await server.call("POST", `/jobs/${job}/selection`, { selection: hardest });
    const { run, count } = held.body["suspects"] as { run: number; count: number };
    assertEquals(run, 2, "the newest search of train");
    assert(count > 20, `${count} of the 60 hardest`);
    const clean = { kind: "suspects", run: 1, kinds: ["mislabelled"] };
    const selection = { kind: "and", selections: [hardest, { kind: "not", selection: clean }] };
    const tried = await server.call("POST", `/jobs/${job}/selection`, { selection });
    assertEquals(tried.status, 200, JSON.stringify(tried.body));
    assertEquals((tried.body["suspects"] as Answer)["count"], 0);
    const made = await server.call("POST", `/jobs/${job}/fork`, {
      selection: { kind: "stored", sha256: tried.body["sha256"] },
      config: { max_steps: 1 },
    });
    assertEquals(made.status, 201, JSON.stringify(made.body));
    const child = String(made.body["id"]);
    await server.state(child, "completed");
    const file = await fetch(`${server.url}/jobs/${child}/checkpoints/1`);
    const { tensors } = decodeSafetensors(new Uint8Array(await file.arrayBuffer()));
    const trained = [...tensors.get("selection/indices")!.values as Int32Array];
    assertEquals(trained.length, tried.body["count"]);
    const found = await itemsOf(server, job, 1, "mislabelled");
    assertEquals(trained.filter((row) => found.some((item) => item.row === row)), []);
  });

  await t.step("what cannot be had is refused by its field, with what to do", async () => {
    const refusals: [Answer, number, string, string][] = [
      [
        { kinds: ["mislabelled"], evidence: "training_dynamics" },
        422,
        "evidence",
        "take 3 reports",
      ],
      [
        { split: "val", kinds: ["mislabelled"], evidence: "training_dynamics" },
        422,
        "evidence",
        "val is not trained on",
      ],
      [{ split: "test" }, 422, "split", "no test split"],
      [{ kinds: ["outliers"], layer: "nope" }, 422, "layer", "the model has no nope"],
      [{ kinds: ["ghosts"] }, 422, "kinds", ""],
    ];
    for (const [body, expected, field, detail] of refusals) {
      const refused = await server.call("POST", `/jobs/${job}/suspects`, body);
      assertEquals(refused.status, expected, JSON.stringify(refused.body));
      assertStringIncludes(String(refused.body["field"]), field);
      assertStringIncludes(String(refused.body["detail"]), detail);
    }
    const own = await server.call("POST", `/jobs/${job}/selection`, {
      selection: { kind: "suspects", indices: [1] },
    });
    assertEquals(own.status, 422);
    assertStringIncludes(String(own.body["detail"]), "the server's to fill in");
    const unseen = await server.call("POST", `/jobs/${job}/selection`, {
      selection: { kind: "suspects", of: "all" },
    });
    assertEquals([unseen.status, unseen.body["field"]], [422, "selection"]);
    assertStringIncludes(String(unseen.body["detail"]), "nobody has looked");
  });
});

Deno.test("suspects of clean labels, by folds and by training dynamics over reports", async (t) => {
  await using server = await ServerProcess.start();
  const clean = await server.submit(NOISY);
  await server.state(clean, "completed");
  const answer = await search(server, clean, { ...FOLDS, kinds: ["mislabelled"] });
  const { count } = finding(answer, "mislabelled") as { count: number };
  assert(count <= 0.02 * TRAIN, `${count} of ${TRAIN} clean labels`);

  await t.step("training dynamics of three reports find flips too, and are named", async () => {
    const wrong = flipped(0.1);
    const config = { hparams: { flips: 0.1 }, max_epochs: 6 };
    const job = await server.submit(NOISY, config);
    await server.state(job, "completed");
    for (const max_steps of [65, 70, 75]) {
      const resumed = await server.call("POST", `/jobs/${job}/resume`, {
        max_epochs: 100,
        max_steps,
      });
      assertEquals(resumed.status, 200, JSON.stringify(resumed.body));
      await server.state(job, "completed");
      const report = await server.call("POST", `/jobs/${job}/report`, {});
      assertEquals(report.status, 200, JSON.stringify(report.body));
    }
    const found = await search(server, job, {
      kinds: ["mislabelled"],
      evidence: "training_dynamics",
    });
    const { figures } = finding(found, "mislabelled") as { figures: Answer };
    assertEquals([figures["evidence"], figures["scans"]], ["training_dynamics", 3]);
    const items = await itemsOf(server, job, found["run"], "mislabelled");
    const hits = items.filter(({ index }) => wrong.has(index!)).length;
    assert(hits / wrong.size > 0.5, `recall ${hits} of ${wrong.size}`);
    assert(hits / items.length > 0.7, `precision ${hits} of ${items.length}`);
  });
});
