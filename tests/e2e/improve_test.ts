import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import type { JobManifest } from "../../jobs/job.ts";
import type { Plan } from "../../jobs/improve/plan.ts";
import { ServerProcess, type StreamedEvent } from "../fixtures/server_process.ts";

const read = (name: string) => Deno.readTextFile(new URL(`../fixtures/${name}`, import.meta.url));
const CLUSTERS = await read("clusters.ts");
const SPIRALS = await read("spirals.ts");
const HALVES = { selection: { kind: "quantile", from: 0, to: 1 }, children: 2 };
const ROUND = ["scan", "fork", "train", "merge", "gate"];

/** A session whose root has trained a little, and its root. */
async function begun(server: ServerProcess, module: string) {
  const root = await server.submit(module, { max_steps: 30, max_epochs: 100 });
  const { session } = await server.state(root, "completed");
  return { root, session: String(session) };
}

async function start(server: ServerProcess, session: string, request: Record<string, unknown>) {
  const { status, body } = await server.call("POST", `/sessions/${session}/improve`, request);
  assertEquals(status, 201, JSON.stringify(body));
  return `/sessions/${session}/improve/${body["plan"]}`;
}

async function planAt(server: ServerProcess, path: string): Promise<Plan> {
  return (await server.call("GET", path)).body as unknown as Plan;
}

/** The first stage event of the session's root that fits; also one that is there already. */
function stage(server: ServerProcess, root: string, fits: (event: StreamedEvent) => boolean) {
  return server.event(`/jobs/${root}/events?types=improve_stage`, fits);
}

/** Waits for the first job of a kind to be made, perhaps before its stage could say so. */
function born(server: ServerProcess, session: string, kind: string) {
  const path = `/sessions/${session}/events?after=0&types=newRun`;
  return server.event(path, ({ data }) => data["kind"] === kind);
}

const isStage = (name: string, round?: number) => ({ data }: StreamedEvent) =>
  data["stage"] === name && (round === undefined || data["round"] === round);

async function jobsOf(server: ServerProcess, session: string): Promise<JobManifest[]> {
  return (await server.call("GET", `/sessions/${session}`)).body["jobs"] as JobManifest[];
}

/** Every stage event of a root, as `round stage`. */
async function stages(server: ServerProcess, root: string): Promise<string[]> {
  const seen: string[] = [];
  const path = `/jobs/${root}/events?types=improve_stage&follow=false`;
  for await (const { data } of server.events(path)) seen.push(`${data["round"]} ${data["stage"]}`);
  return seen;
}

/** What a plan of `rounds` must have made: two forks a round from where it began, one merge of them. */
function assertLineage(plan: Plan, jobs: JobManifest[], root: string): void {
  let base = root;
  const byId = new Map(jobs.map((job) => [job.id, job]));
  for (const { scan, fork, train, merge, gate } of plan.rounds) {
    assertEquals(scan!.base.job, base);
    for (const id of fork!.jobs) {
      const { kind, parents, origin, step, selected, state } = byId.get(id)!;
      assertEquals([kind, parents, origin.checkpoint], ["fork", [base], scan!.base.checkpoint]);
      assertEquals([step, state], [plan.request.budget.steps, "completed"]);
      assertEquals(selected, scan!.children[fork!.jobs.indexOf(id)]!.samples);
    }
    assertEquals(train!.jobs.map(({ job }) => job), fork!.jobs);
    assertEquals(byId.get(merge!.job)!.parents, fork!.jobs);
    const winner = gate!.accepted === true ? [merge!.job] : fork!.jobs;
    assert(winner.includes(gate!.winner.job), gate!.reason);
    base = gate!.winner.job;
  }
  assertEquals(plan.winner!.job, base);
  assertEquals(jobs.length, 1 + 3 * plan.request.rounds);
}

Deno.test("improve: two rounds run to the end, each from the winner of the one before", async () => {
  await using server = await ServerProcess.start();
  const { root, session } = await begun(server, CLUSTERS);
  const path = await start(server, session, {
    ...HALVES,
    budget: { steps: 20, slots: 1 },
    strategy: "swa",
    rounds: 2,
  });
  await stage(server, root, isStage("end"));
  const plan = await planAt(server, path);
  assertEquals([plan.state, plan.reason, plan.stage], ["completed", null, null]);
  assertEquals(await stages(server, root), [
    "1 plan",
    ...ROUND.map((name) => `1 ${name}`),
    ...ROUND.map((name) => `2 ${name}`),
    "2 end",
  ]);
  const jobs = await jobsOf(server, session);
  assertLineage(plan, jobs, root);
  assertEquals(plan.rounds[0]!.gate!.split, "gate");
  // Halves of the whole split in the second round too, whoever it begins with.
  assertEquals(plan.rounds[1]!.scan!.children.map(({ samples }) => samples), [150, 150]);
  // With one slot the second child begins when the first has ended.
  const [first, second] = plan.rounds[0]!.fork!.jobs.map((id) =>
    jobs.find((job) => job.id === id)!
  );
  assert(second!.started_at! >= first!.finished_at!);
  const again = await server.call("POST", `${path}/stop`);
  assertEquals([again.status, again.body["state"]], [200, "completed"]);
});

Deno.test("improve: a server killed in the middle of stages goes on, and makes nothing twice", async () => {
  await using server = await ServerProcess.start();
  const { root, session } = await begun(server, SPIRALS);
  const key = { "idempotency-key": "once" };
  const request = { ...HALVES, budget: { steps: 300 }, strategy: "weighted", rounds: 2 };
  const params = { weights: [1, 2] };
  const post = () =>
    server.call("POST", `/sessions/${session}/improve`, { ...request, params }, key);
  const { body } = await post();
  const path = `/sessions/${session}/improve/${body["plan"]}`;
  const killed = async () => {
    await server.kill();
    await server.start();
  };
  await stage(server, root, isStage("plan"));
  await killed();
  await born(server, session, "fork");
  await killed();
  const forked = await stage(server, root, isStage("fork", 1));
  const [child] = (forked.data["detail"] as { jobs: string[] }).jobs;
  await server.event(`/jobs/${child}/events?types=trainStep`, () => true);
  await killed();
  await born(server, session, "merge");
  await killed();
  await stage(server, root, isStage("fork", 2));
  assertEquals(await server.terminate(), 0);
  await server.start();
  await stage(server, root, isStage("end"));
  const plan = await planAt(server, path);
  assertEquals([plan.state, plan.reason], ["completed", null]);
  assertLineage(plan, await jobsOf(server, session), root);
  assertEquals(new Set(await stages(server, root)).size, (await stages(server, root)).length);
  // It has no gate split, and the plan says which one judged.
  assertEquals(plan.rounds.map(({ gate }) => gate!.split), ["val", "val"]);
  const replayed = await post();
  assertEquals(replayed.headers.get("idempotency-replayed"), "true");
  const list = await server.call("GET", `/sessions/${session}/improve`);
  assertEquals((list.body["items"] as Plan[]).map(({ plan }) => plan), [plan.plan]);
});

Deno.test("improve: a child that fails is left out of the merge, and one alone is not merged", async () => {
  await using server = await ServerProcess.start();
  const module = SPIRALS.replace(
    'loss: "categoricalCrossentropy"',
    `loss: (yTrue, yPred) => {
      if (yTrue.shape[0] === 5) throw new Error("a batch of 5");
      return tf.sum(tf.mul(yTrue, tf.log(tf.add(yPred, 1e-7))), -1).neg();
    }`,
  );
  const { root, session } = await begun(server, module);
  const failing = { selection: { kind: "indices", indices: [1, 2, 3, 4, 5] } };
  const hard = { selection: { kind: "hardest", n: 64 } };
  const all = { selection: { kind: "all" } };
  const request = { budget: { steps: 5 }, strategy: "swa" };
  const first = await start(server, session, { ...request, children: [failing, hard, all] });
  await stage(server, root, isStage("end"));
  const { state, reason, rounds: [round] } = await planAt(server, first);
  assertEquals([state, reason], ["completed", null]);
  assertEquals(round!.train!.jobs.map(({ state }) => state), ["failed", "completed", "completed"]);
  assertStringIncludes(round!.train!.jobs[0]!.error!, "a batch of 5");
  const merged = (await server.call("GET", `/jobs/${round!.merge!.job}`)).body;
  assertEquals(merged["parents"], round!.fork!.jobs.slice(1));
  const second = await start(server, session, { ...request, children: [failing, hard] });
  const { data: { plan } } = await stage(server, root, isStage("plan"));
  await stage(server, root, (event) => isStage("end")(event) && event.data["plan"] !== plan);
  const alone = await planAt(server, second);
  assertEquals([alone.state, alone.rounds[0]!.merge], ["failed", undefined]);
  assertStringIncludes(alone.reason!, "round 1, merge: 1 of 2 children trained");
});

Deno.test("improve: it begins at a root that trains on, by clusters, and distils for the budget", async () => {
  await using server = await ServerProcess.start();
  const root = await server.submit(CLUSTERS, { max_epochs: 100_000 });
  await server.event(`/jobs/${root}/events?types=trainStep`, ({ data }) => data["step"] === 20);
  const session = String((await server.call("GET", `/jobs/${root}`)).body["session"]);
  const path = await start(server, session, {
    selection: { kind: "kmeans", k: 2, clusters: [0, 1] },
    children: 2,
    budget: { steps: 10 },
    strategy: "distillation",
  });
  await stage(server, root, isStage("end"));
  const { plan, state, reason, rounds: [round] } = await planAt(server, path);
  assertEquals([state, reason], ["completed", null]);
  const picked = round!.scan!.children.map(({ samples }) => samples);
  assertEquals(picked[0]! + picked[1]!, 300);
  const jobs = await jobsOf(server, session);
  const student = jobs.find(({ id }) => id === round!.merge!.job)!;
  assertEquals([student.state, student.step], ["completed", 10]);
  assertEquals(jobs.find(({ id }) => id === root)!.state, "running");
  const { items } = (await server.call("GET", `/jobs/${root}/checkpoints`)).body;
  const labelled = (items as { checkpoint: number; label: string | null }[])
    .filter(({ label }) => label === `improve-${plan}-1`);
  assertEquals(labelled.map(({ checkpoint }) => checkpoint), [round!.scan!.base.checkpoint]);
});

Deno.test("improve: a stop ends the plan and its children, each with what it reached", async () => {
  await using server = await ServerProcess.start();
  const { root, session } = await begun(server, SPIRALS);
  const path = await start(server, session, {
    children: [
      { selection: { kind: "hardest", n: 100 }, lr_mul: 0.5 },
      { selection: { kind: "all" } },
    ],
    budget: { steps: 1_000_000 },
    strategy: "ties",
  });
  const { data } = await stage(server, root, isStage("fork"));
  const { jobs } = data["detail"] as { jobs: string[] };
  for (const id of jobs) await server.event(`/jobs/${id}/events?types=trainStep`, () => true);
  const { status, body } = await server.call("POST", `${path}/stop`);
  assertEquals([status, body["state"], body["stage"]], [200, "stopped", null]);
  assertStringIncludes(String(body["reason"]), "asked to stop in round 1, train");
  for (const id of jobs) {
    const manifest = await server.state(id, "stopped");
    assert(Number(manifest["step"]) > 0);
    const { items } = (await server.call("GET", `/jobs/${id}/checkpoints`)).body;
    assert((items as { step: number }[]).some(({ step }) => step === manifest["step"]));
  }
});

Deno.test("improve: seconds that are spent end it at a stage's end, with what was reached", async () => {
  await using server = await ServerProcess.start();
  const { root, session } = await begun(server, SPIRALS);
  const path = await start(server, session, {
    ...HALVES,
    budget: { steps: 5, seconds: 0.001 },
    strategy: "swa",
  });
  await stage(server, root, isStage("end"));
  const plan = await planAt(server, path);
  assertEquals(plan.state, "stopped");
  assertStringIncludes(plan.reason!, "its 0.001 s were spent before round 1");
  assertEquals((await jobsOf(server, session)).every(({ state }) => state === "completed"), true);
});

Deno.test("improve: bad requests are refused by field, and what only a scan finds fails the plan", async (t) => {
  await using server = await ServerProcess.start();
  const { root, session } = await begun(server, SPIRALS);
  const good = { ...HALVES, budget: { steps: 5 }, strategy: "swa" };
  const list = (...selections: unknown[]) => ({
    ...good,
    selection: undefined,
    children: selections.map((selection) => ({ selection })),
  });
  const all = { kind: "all" };
  const cases: [string, Record<string, unknown>, string, string][] = [
    ["an unknown strategy", { ...good, strategy: "sum" }, "strategy", "there is no sum"],
    ["no selection", { ...good, selection: undefined }, "selection", "it is missing"],
    [
      "an empty quantile",
      { ...good, children: 32, selection: { kind: "quantile", from: 0.5, to: 0.51 } },
      "selection",
      "picks none of 256",
    ],
    [
      "an empty list of indices",
      list(all, { kind: "indices", indices: [] }),
      "children.1.selection.indices",
      "Too small",
    ],
    [
      "more than there are",
      list(all, { kind: "hardest", n: 999 }),
      "children.1.selection.n",
      "999 are more than the 256",
    ],
    [
      "a rule that cannot be cut",
      { ...good, selection: { kind: "hardest", n: 9 } },
      "selection",
      "cannot be cut",
    ],
    [
      "fewer labels than children",
      { ...good, selection: { kind: "label", labels: [1] } },
      "selection",
      "1 labels for 2",
    ],
    [
      "both ways at once",
      { ...good, children: list(all, all).children },
      "selection",
      "leave one of the two out",
    ],
    ["one child", { ...good, children: 1 }, "children", ">=2"],
    [
      "three children of slerp",
      { ...good, children: 3, strategy: "slerp" },
      "children",
      "slerp takes 2 parents",
    ],
    [
      "weights of another count",
      { ...good, strategy: "weighted", params: { weights: [1, 1, 1] } },
      "params.weights",
      "3 weights for 2 parents",
    ],
    ["no budget", { ...good, budget: {} }, "budget.steps", "expected number"],
    ["steps twice", { ...good, config: { max_steps: 3 } }, "config.max_steps", "budget.steps says"],
    [
      "an unknown config key",
      { ...good, config: { maxepochs: 3 } },
      "config.maxepochs",
      "max_epochs",
    ],
    ["a gate on test", { ...good, gate: { split: "test" } }, "gate.split", "not known"],
  ];
  for (const [name, request, field, detail] of cases) {
    await t.step(name, async () => {
      const { status, body } = await server.call("POST", `/sessions/${session}/improve`, request);
      assertEquals([status, body["field"]], [422, field], JSON.stringify(body));
      assertStringIncludes(String(body["detail"]), detail);
    });
  }

  await t.step("a session or a plan that is not there", async () => {
    const post = await server.call("POST", "/sessions/sess-0/improve", good);
    const get = await server.call("GET", `/sessions/${session}/improve/plan-0`);
    assertEquals([post.status, get.status], [404, 404]);
    assertEquals((await jobsOf(server, session)).length, 1);
  });

  await t.step(
    "a rule that picks nothing at that model fails the plan before it forks",
    async () => {
      const path = await start(server, session, list(all, { kind: "region", from: 1e6 }));
      await stage(server, root, isStage("end"));
      const plan = await planAt(server, path);
      assertEquals([plan.state, plan.rounds.length], ["failed", 0]);
      assertStringIncludes(plan.reason!, "round 1, scan: children.1: selection");
      assertEquals((await jobsOf(server, session)).length, 1);
    },
  );
});
