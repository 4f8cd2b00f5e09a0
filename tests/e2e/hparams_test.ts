import { assertEquals } from "@std/assert";
import { ServerProcess } from "../fixtures/server_process.ts";

const read = (name: string) =>
  Deno.readTextFile(new URL(`../fixtures/${name}.ts`, import.meta.url));
const TEMPERED = await read("tempered");
const SPIRALS = await read("spirals");

async function submit(server: ServerProcess, config: Record<string, unknown>): Promise<string> {
  const { status, body } = await server.call("POST", "/jobs", {
    module: TEMPERED,
    modules: { "spirals.ts": SPIRALS },
    config,
  });
  assertEquals(status, 201, JSON.stringify(body));
  return String(body["id"]);
}

const atStep = (server: ServerProcess, job: string, step: number) =>
  server.event(
    `/jobs/${job}/events?types=trainStep`,
    ({ data }) => Number(data["step"]) >= step,
  );

const CHANGE = {
  lr: 0.02,
  momentum: 0.5,
  grad_clip_norm: null,
  grad_clip_value: 0.1,
  batch_size: 24,
  schedule: { name: "cosine", period: 40, restarts: true },
  hparams: { temperature: 2 },
};

Deno.test("hparams of a live job refuse what is wrong, by the name of the field", async () => {
  await using server = await ServerProcess.start();
  const job = await submit(server, { max_epochs: 100_000 });
  await atStep(server, job, 1);
  const wrong: [Record<string, unknown>, string][] = [
    [{}, ""],
    [{ lr: "0.1" }, "lr"],
    [{ lr: -1 }, "lr"],
    [{ lr: 0 }, "lr"],
    [{ lr: null }, "lr"],
    [{ lr: 1e7 }, "lr"],
    [{ momentum: 1 }, "momentum"],
    [{ momentum: "0.9" }, "momentum"],
    [{ grad_clip_norm: 0 }, "grad_clip_norm"],
    [{ grad_clip_value: -1 }, "grad_clip_value"],
    [{ batch_size: 0 }, "batch_size"],
    [{ batch_size: 1.5 }, "batch_size"],
    [{ batch_size: 257 }, "batch_size"],
    [{ schedule: "sine" }, "schedule"],
    [{ schedule: { name: "sine" } }, "schedule.name"],
    [{ schedule: { name: "cosine" } }, "schedule.period"],
    [{ schedule: { name: "cosine", period: 9, restart_factor: 0.5 } }, "schedule.restart_factor"],
    [{ schedule: { name: "one_cycle", steps: 9, rise: 1 } }, "schedule.rise"],
    [{ schedule: { name: "constant", period: 9 } }, "schedule.period"],
    [{ hparams: { heat: 1 } }, "hparams.heat"],
    [{ hparams: { temperature: "hot" } }, "hparams.temperature"],
    [{ hparams: { temperature: null } }, "hparams.temperature"],
    [{ weight_decay: 1 }, "weight_decay"],
  ];
  for (const [change, field] of wrong) {
    const { status, body } = await server.call("PATCH", `/jobs/${job}/hparams`, change);
    assertEquals([status, body["field"]], [422, field], JSON.stringify([change, body]));
  }
  for (const raw of ['{"lr": NaN}', '{"lr": 1e999}']) {
    const response = await fetch(`${server.url}/jobs/${job}/hparams`, {
      method: "PATCH",
      body: raw,
      headers: { "content-type": "application/json" },
    });
    assertEquals([400, 422].includes(response.status), true, await response.text());
  }
  const { body } = await server.call("POST", `/jobs/${job}/stop`);
  assertEquals(body["status"], "applied");
  const changes = `/jobs/${job}/events?types=hparams_changed&follow=false`;
  for await (const _ of server.events(changes)) throw new Error("something was changed");
});

Deno.test("hparams changed live survive the server's death, and the job's rest", async (t) => {
  await using server = await ServerProcess.start();
  const job = await submit(server, { max_epochs: 1_000_000, max_steps: 2_500, ckpt_keep: 1_000 });
  await atStep(server, job, 30);
  const { status, body } = await server.call("PATCH", `/jobs/${job}/hparams`, CHANGE);
  assertEquals(status, 200, JSON.stringify(body));
  const at = Number(body["applied_at_step"]);
  const { checkpoint } = body;
  await atStep(server, job, at + 40);
  await server.kill();
  await server.start();
  await server.state(job, "running", "completed");

  await t.step("nothing diverges when the steps are repeated", async () => {
    await atStep(server, job, at + 400);
    const { body: paused } = await server.call("POST", `/jobs/${job}/pause`, { release: true });
    assertEquals(paused["status"], "applied");
    const told =
      `/jobs/${job}/events?types=replay_diverged,hparams_changed,checkpoint_saved&follow=false`;
    const types: string[] = [];
    for await (const { type, data } of server.events(told)) {
      if (type !== "checkpoint_saved") types.push(type);
      else if (data["checkpoint"] === checkpoint) assertEquals(data["reason"], "hparams");
    }
    assertEquals(types, ["hparams_changed"]);
  });
  await t.step("a parked job takes another change, its children have both", async () => {
    const changed = await server.call("PATCH", `/jobs/${job}/hparams`, { momentum: 0.25 });
    assertEquals([changed.status, changed.body["changed"]], [200, {
      momentum: { from: 0.5, to: 0.25 },
    }]);
    const { body: manifest } = await server.call("GET", `/jobs/${job}`);
    const config = manifest["config"] as Record<string, unknown>;
    assertEquals([manifest["state"], config["momentum"]], ["parked", 0.25]);
    assertEquals(manifest["steps_per_epoch"], 11);
    const fork = await server.call("POST", `/jobs/${job}/fork`, {
      selection: { kind: "all" },
      config: { max_steps: 1 },
    });
    assertEquals(fork.status, 201, JSON.stringify(fork.body));
    const child = String(fork.body["id"]);
    await server.state(child, "completed");
    const lower = await server.call("POST", `/jobs/${child}/rewind`, { checkpoint: 1 });
    assertEquals(lower.body["status"], "applied");
    const same = await server.call("PATCH", `/jobs/${child}/hparams`, { lr: 0.02 });
    const hparams = same.body["hparams"] as Record<string, unknown>;
    assertEquals([hparams["momentum"], hparams["batch_size"]], [0.25, 24]);
    assertEquals(hparams["hparams"], { temperature: 2, smooth: false });
  });
  await t.step("a rewind while it is parked takes the changes back, and says so", async () => {
    const rewound = await server.call("POST", `/jobs/${job}/rewind`, { checkpoint });
    assertEquals(rewound.status, 200, JSON.stringify(rewound.body));
    await server.call("POST", `/jobs/${job}/resume`);
    const told = await server.event(
      `/jobs/${job}/events?types=hparams_changed`,
      ({ data }) => data["take"] === 2,
    );
    assertEquals([told.data["momentum"], told.data["batch_size"]], [0.9, 32]);
    const { body: manifest } = await server.call("GET", `/jobs/${job}`);
    const config = manifest["config"] as Record<string, unknown>;
    assertEquals([config["momentum"], config["batch_size"], config["lr"]], [0.9, 32, 0.05]);
    assertEquals([config["schedule"], manifest["steps_per_epoch"]], ["module", 8]);
    await server.call("POST", `/jobs/${job}/stop`);
  });
  await t.step("the chart has a marker that says from what to what", async () => {
    const response = await fetch(`${server.url}/fragments/jobs/${job}/markers`);
    const { items } = await response.json() as { items: { kind: string; text: string }[] };
    const [first] = items.filter(({ kind }) => kind === "hparams");
    assertEquals(first!.text.startsWith("lr 0.05 → 0.02, momentum 0.9 → 0.5"), true, first!.text);
  });
});
