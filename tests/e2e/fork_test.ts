import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { decodeSafetensors } from "../../runtime/checkpoints/safetensors.ts";
import { ServerProcess } from "../fixtures/server_process.ts";

const SPIRALS = await Deno.readTextFile(new URL("../fixtures/spirals.ts", import.meta.url));
/** The same with a layer in between. */
const DEEPER = SPIRALS.replace(
  "tf.layers.dropout({ rate: 0.2 }),",
  'tf.layers.dense({ units: 12, activation: "relu" }),',
);
const TRAIN = 256;
const LR = 0.01;

type Answer = Record<string, unknown>;
type Step = { step: number; loss: number; lr: number };

async function events(server: ServerProcess, job: string, type: string): Promise<Answer[]> {
  const response = await fetch(`${server.url}/jobs/${job}/events?follow=false&types=${type}`);
  const lines = (await response.text()).split("\n").filter((line) => line.startsWith("data: {"));
  return lines.map((line) => JSON.parse(line.slice(6)) as Answer);
}

const steps = async (server: ServerProcess, job: string) =>
  await events(server, job, "trainStep") as unknown as Step[];

/** Which samples a job trains on, from its first checkpoint. */
async function trained(server: ServerProcess, job: string): Promise<number[]> {
  const response = await fetch(`${server.url}/jobs/${job}/checkpoints/1`);
  const { tensors } = decodeSafetensors(new Uint8Array(await response.arrayBuffer()));
  return [...tensors.get("selection/indices")!.values as Int32Array];
}

async function fork(server: ServerProcess, parent: string, request: Answer): Promise<Answer[]> {
  const { status, body } = await server.call("POST", `/jobs/${parent}/fork`, request);
  assertEquals(status, 201, JSON.stringify(body));
  const made = (body["items"] ?? [body]) as Answer[];
  return await Promise.all(made.map(({ id }) => server.state(String(id), "completed")));
}

Deno.test("a fork's children differ from their parent in what was asked, and say so", async (t) => {
  await using server = await ServerProcess.start();
  const schedule = { name: "exponential", decay: 0.98, per: "step" };
  const base = await server.call("POST", "/jobs", {
    module: SPIRALS,
    config: { max_steps: 60, schedule },
  });
  const parent = String(base.body["id"]);
  await server.state(parent, "completed");
  const short = { max_steps: 2 };
  const hard = { kind: "hardest", n: 60 };

  await t.step(
    "rehearsal mixes in a share of other samples, the same for the same seed",
    async () => {
      const [plain, mixed, twin, other] = await fork(server, parent, {
        selection: hard,
        config: short,
        children: [{}, { rehearsal: 0.25 }, { rehearsal: 0.25 }, {
          rehearsal: 0.25,
          config: { seed: 8 },
        }],
      });
      const sets = await Promise.all(
        [plain, mixed, twin, other].map((job) => trained(server, String(job!["id"]))),
      );
      const [selected, withOthers, again, seeded] = sets.map((set) => new Set(set));
      assertEquals([selected!.size, withOthers!.size, seeded!.size], [60, 80, 80]);
      for (const place of selected!) assert(withOthers!.has(place) && seeded!.has(place));
      assertEquals(withOthers, again);
      assert(withOthers!.difference(seeded!).size > 0);
      assertEquals(mixed!["selected"], 80);
      const { selected: count, rehearsal } = mixed!["fork"] as Answer;
      assertEquals([count, rehearsal], [60, 20]);
      assertEquals(mixed!["differs"], {
        config: { max_steps: { from: 60, to: 2 } },
        rehearsal: 0.25,
      });
      const { dataset_hash } = mixed!["spawn"] as Answer;
      assertEquals(dataset_hash, (mixed!["dataset"] as Answer)["hash"]);
    },
  );

  await t.step("rehearsal takes what there is, and says when that is less", async () => {
    const selection = { kind: "quantile", from: 0, to: 0.9 };
    const [child] = await fork(server, parent, { selection, config: short, rehearsal: 0.5 });
    assertEquals(child!["selected"], TRAIN);
    const [log] = await events(server, String(child!["id"]), "log");
    assertStringIncludes(String(log!["message"]), "only 26 samples are outside of the selection");
    const refused = await server.call("POST", `/jobs/${parent}/fork`, {
      selection: { kind: "all" },
      rehearsal: 0.5,
    });
    assertEquals([refused.status, refused.body["field"]], [422, "rehearsal"]);
  });

  await t.step(
    "the schedule goes on, or begins anew, from a multiple of the base rate",
    async () => {
      const [on, anew] = await fork(server, parent, {
        selection: { kind: "all" },
        config: { max_steps: 3 },
        lr_mul: 0.5,
        children: [{}, { schedule: "restart", optimizer: "fresh" }],
      });
      const rates = async (job: Answer) =>
        (await steps(server, String(job["id"]))).map(({ lr }) => lr.toPrecision(6));
      const decayed = (from: number) =>
        [0, 1, 2].map((at) => (0.5 * LR * 0.98 ** (from + at)).toPrecision(6));
      assertEquals(await rates(on!), decayed(60));
      assertEquals(await rates(anew!), decayed(0));
      const { schedule, optimizer, lr_mul } = anew!["differs"] as Answer;
      assertEquals([schedule, optimizer, lr_mul], ["restart", "fresh", 0.5]);
    },
  );

  await t.step(
    "a child validates on its own slice of val as well, after a rewind too",
    async () => {
      const [hardest, places, cluster] = await fork(server, parent, {
        config: { max_steps: 6, val_every_n_steps: 2, val_every_n_epochs: 0, ckpt_every_steps: 1 },
        children: [{ selection: { kind: "quantile", from: 0.75, to: 1 } }, {
          selection: { kind: "indices", indices: [1, 2, 3] },
        }, { selection: { kind: "kmeans", k: 2, clusters: [0] } }],
      });
      assertEquals((hardest!["fork"] as Answer)["val_slice"], 8);
      assertEquals((places!["fork"] as Answer)["val_slice"], null);
      const inCluster = Number((cluster!["fork"] as Answer)["val_slice"]);
      assert(inCluster > 0 && inCluster < 32);
      const id = String(hardest!["id"]);
      const slices = async (job: string) =>
        (await events(server, job, "validation")).map((event) => event["val_slice"] as Answer);
      const seen = await slices(id);
      assertEquals(seen.map((slice) => slice["samples"]), [8, 8, 8]);
      assertEquals(await slices(String(places!["id"])), [undefined, undefined, undefined]);
      const { val } = hardest!["metrics"] as { val: Record<string, Answer> };
      assertEquals(val["val_slice_loss"]!["last"], seen.at(-1)!["loss"]);
      assertEquals(val["val_slice_accuracy"]!["direction"], "max");
      assert(Number(seen[0]!["loss"]) > Number(val["val_loss"]!["best"]));
      const metrics = await server.call("GET", `/jobs/${id}/metrics?series=val_slice_loss`);
      const { val_slice_loss } = metrics.body["series"] as Record<string, { last: number }[]>;
      assertEquals(val_slice_loss!.map(({ last }) => last), seen.map(({ loss }) => loss as number));
      await server.call("POST", `/jobs/${id}/rewind`, { checkpoint: 1 });
      await server.call("POST", `/jobs/${id}/resume`);
      await server.state(id, "completed");
      assertEquals(await slices(id), [...seen, ...seen]);
    },
  );

  await t.step("children that only a scan can compare tell what they share", async () => {
    const { body } = await server.call("POST", `/jobs/${parent}/fork`, {
      config: short,
      children: [
        { selection: { kind: "label", labels: [0] }, run_name: "zeros" },
        { selection: { kind: "quantile", from: 0.5, to: 1 }, run_name: "upper" },
        { selection: { kind: "indices", indices: [0, 1, 2, 3] }, run_name: "four" },
      ],
    });
    assertEquals(body["overlap"], null);
    const ids = (body["items"] as Answer[]).map(({ id }) => String(id));
    const jobs = await Promise.all(ids.map((id) => server.state(id, "completed")));
    const sets = await Promise.all(ids.map(async (id) => new Set(await trained(server, id))));
    const common = (a: number, b: number) => sets[a]!.intersection(sets[b]!).size;
    const told = jobs.map((job) =>
      Object.fromEntries(
        ((job["fork"] as Answer)["shared"] as { run_name: string; samples: number }[])
          .map(({ run_name, samples }) => [run_name, samples]),
      )
    );
    assertEquals(told[0]!["upper"], common(0, 1));
    assertEquals(told[1]!["zeros"], common(0, 1));
    assertEquals(told[0]!["four"] ?? 0, common(0, 2));
    assertEquals(told[1]!["four"] ?? 0, common(1, 2));
    const lines = (await events(server, ids[0]!, "log")).map(({ message }) => String(message));
    assert(lines.includes(`${common(0, 1)} of its ${sets[0]!.size} samples are upper's too`));
  });

  await t.step("another module takes the weights that match, and lists the others", async () => {
    const all = { kind: "all" };
    const [child] = await fork(server, parent, {
      selection: all,
      module: DEEPER,
      config: { max_steps: 1, schedule: null, lr: 1e-6 },
    });
    const id = String(child!["id"]);
    const { weights } = child!["fork"] as { weights: Answer };
    assertEquals(weights, {
      taken: 3,
      fresh: 3,
      unused: 1,
      optimizer: "fresh",
      mismatches: [
        "0002/kernel float32 [16,12] of the module begins fresh",
        "0003/bias float32 [12] of the module begins fresh",
        "0004/kernel float32 [12,2] of the module begins fresh",
        "0002/kernel float32 [16,2] of the parent is not used",
      ],
    });
    const [first, ...others] = (await events(server, id, "log")).map(({ message }) =>
      String(message)
    );
    assertStringIncludes(first!, "3 of 6 weights are the parent's\n0002/kernel");
    assertStringIncludes(others[0]!, "the optimizer begins fresh");
    const { module } = child!["differs"] as { module: Answer };
    assertEquals(module["to"], (child!["module"] as Answer)["sha256"]);
    assertEquals(await (await fetch(`${server.url}/jobs/${id}/module`)).text(), DEEPER);
    const tensors = async (job: string, checkpoint: number) => {
      const path = `${server.url}/jobs/${job}/checkpoints/${checkpoint}`;
      return decodeSafetensors(new Uint8Array(await (await fetch(path)).arrayBuffer())).tensors;
    };
    const own = await tensors(id, 1);
    const parents = await tensors(parent, Number((child!["origin"] as Answer)["checkpoint"]));
    assertEquals(own.get("0000/kernel")!.values, parents.get("0000/kernel")!.values);
    assertEquals(own.get("0005/bias")!.values, parents.get("0003/bias")!.values);
    const [same] = await fork(server, parent, {
      selection: all,
      module: `${SPIRALS}\n// the same\n`,
      config: short,
    });
    const { taken, optimizer } = (same!["fork"] as { weights: Answer }).weights;
    assertEquals([taken, optimizer], [4, "kept"]);
  });

  await t.step("what cannot be begins nothing, or fails with its reason", async () => {
    const broken = await server.call("POST", `/jobs/${parent}/fork`, {
      selection: hard,
      children: [{}, { module: "export default {" }],
    });
    assertEquals([broken.status, broken.body["field"]], [422, "children.1.module"]);
    assertStringIncludes(String(broken.body["detail"]), "module.ts:1:17");
    const failing: [Answer, string][] = [
      [{ selection: { kind: "region", from: 1e9 } }, "picks none of 256"],
      [{ selection: hard, module: SPIRALS.replace("0.1 *", "0.2 *") }, "the data differ"],
    ];
    for (const [request, reason] of failing) {
      const { status, body } = await server.call("POST", `/jobs/${parent}/fork`, request);
      assertEquals(status, 201, JSON.stringify(body));
      const { error } = await server.state(String(body["id"]), "failed");
      assertStringIncludes(String((error as Answer)["message"]), reason);
    }
  });
});

Deno.test("ten forks of a running job leave its loss series as it is, to the bit", async () => {
  await using server = await ServerProcess.start();
  const config = { max_steps: 800, max_epochs: 1000 };
  const run = async (between: (job: string) => Promise<string[]>) => {
    const job = await server.submit(SPIRALS, config);
    const children = await between(job);
    await server.state(job, "completed");
    for (const child of children) await server.state(child, "completed");
    return (await steps(server, job)).map(({ step, loss, lr }) => [step, loss, lr]);
  };
  const alone = await run(() => Promise.resolve([]));
  const forked = await run(async (job) => {
    await server.event(`/jobs/${job}/events?types=trainStep`, ({ data }) => data["step"] === 20);
    const { status, body } = await server.call("POST", `/jobs/${job}/fork`, {
      config: { max_steps: 2 },
      children: Array.from({ length: 10 }, (_, at) => ({
        selection: { kind: "quantile", from: at / 10, to: (at + 1) / 10 },
      })),
    });
    assertEquals([status, body["overlap"]], [201, 0]);
    assertEquals((await server.call("GET", `/jobs/${job}`)).body["state"], "running");
    return (body["items"] as Answer[]).map(({ id }) => String(id));
  });
  assertEquals(forked.length, 800);
  assertEquals(forked, alone);
});
