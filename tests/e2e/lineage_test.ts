import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { decodeSafetensors } from "../../runtime/checkpoints/safetensors.ts";
import { ServerProcess } from "../fixtures/server_process.ts";

const SPIRALS = await Deno.readTextFile(new URL("../fixtures/spirals.ts", import.meta.url));
const TRAIN = 256;

/** Weights of a checkpoint over HTTP, by tensor name. */
async function weights(server: ServerProcess, job: string, checkpoint: number) {
  const response = await fetch(`${server.url}/jobs/${job}/checkpoints/${checkpoint}`);
  assertEquals(response.status, 200);
  const { tensors } = decodeSafetensors(new Uint8Array(await response.arrayBuffer()));
  return new Map(
    [...tensors].filter(([name]) => /^\d/.test(name)).map((
      [name, { values }],
    ) => [name, Array.from(values as ArrayLike<number>)]),
  );
}

async function newestCheckpoint(server: ServerProcess, job: string): Promise<number> {
  const { body } = await server.call("GET", `/jobs/${job}/checkpoints`);
  const items = body["items"] as { checkpoint: number }[];
  return Math.max(...items.map(({ checkpoint }) => checkpoint));
}

async function fork(server: ServerProcess, parent: string, request: Record<string, unknown>) {
  const { status, body } = await server.call("POST", `/jobs/${parent}/fork`, request);
  assertEquals(status, 201, JSON.stringify(body));
  return String(body["id"]);
}

Deno.test("fork, train side by side, merge, test: a lineage over HTTP", async (t) => {
  await using server = await ServerProcess.start();
  const base = await server.submit(SPIRALS, { max_epochs: 100_000 });
  await server.event(`/jobs/${base}/events?types=trainStep`, ({ data }) => data["step"] === 50);
  const config = { max_steps: 80 };
  const hard = await fork(server, base, {
    selection: { kind: "quantile", from: 0.8, to: 1 },
    config,
    run_name: "hard",
  });
  const rest = await fork(server, base, {
    selection: { kind: "quantile", from: 0, to: 0.8 },
    config,
  });

  await t.step("children train while the parent does, on the samples they selected", async () => {
    const [one, other] = await Promise.all([
      server.state(hard, "completed"),
      server.state(rest, "completed"),
    ]);
    assertEquals((await server.call("GET", `/jobs/${base}`)).body["state"], "running");
    assertEquals([one["run_name"], other["run_name"]], ["hard", "fork1"]);
    assertEquals(one["parents"], [base]);
    // Both scans saw the model at different steps, so the shares are exact and the sets are not.
    assertEquals([one["selected"], other["selected"]], [
      Math.round(TRAIN * 0.2),
      Math.round(TRAIN * 0.8),
    ]);
    assert(Number((one["origin"] as { step: number }).step) >= 50);
  });

  await t.step("a fork of chosen indices trains on exactly those", async () => {
    const indices = [3, 1, 4, 15, 92, 65];
    const child = await fork(server, base, {
      selection: { kind: "indices", indices },
      config: { max_steps: 1 },
    });
    await server.state(child, "completed");
    const response = await fetch(`${server.url}/jobs/${child}/checkpoints/1`);
    const { tensors } = decodeSafetensors(new Uint8Array(await response.arrayBuffer()));
    assertEquals([...tensors.get("selection/indices")!.values], [1, 3, 4, 15, 65, 92]);
  });

  await t.step("swa is the mean of the parents' weights, and can be tested at once", async () => {
    const { status, body } = await server.call("POST", `/jobs/${hard}/merge`, {
      with: [rest],
      strategy: "swa",
    });
    assertEquals(status, 201, JSON.stringify(body));
    const merged = String(body["id"]);
    await server.state(merged, "parked");
    const [a, b, mean] = await Promise.all([
      weights(server, hard, await newestCheckpoint(server, hard)),
      weights(server, rest, await newestCheckpoint(server, rest)),
      weights(server, merged, 1),
    ]);
    for (const [name, values] of mean) {
      const others = b.get(name)!;
      assertEquals(values, a.get(name)!.map((value, i) => Math.fround((value + others[i]!) / 2)));
    }
    const test = await server.call("POST", `/jobs/${merged}/test`, { split: "test" });
    assertEquals(test.status, 200);
    assertEquals(test.body["samples"], 32);
    const manifest = (await server.call("GET", `/jobs/${merged}`)).body;
    assertEquals([manifest["state"], manifest["test_looks"]], ["parked", 1]);
  });

  await t.step("a parent cannot be deleted while a child started from it", async () => {
    await server.call("POST", `/jobs/${base}/stop`);
    const { status, body } = await server.call("DELETE", `/jobs/${base}`);
    assertEquals(status, 409);
    assertStringIncludes(JSON.stringify(body), hard);
  });

  await t.step("a finished job is rewound, and goes on as a new take", async () => {
    const rewound = await server.call("POST", `/jobs/${hard}/rewind`, { checkpoint: 1 });
    assertEquals(rewound.status, 200, JSON.stringify(rewound.body));
    const manifest = (await server.call("GET", `/jobs/${hard}`)).body;
    assertEquals([manifest["state"], manifest["take"], manifest["step"]], ["parked", 2, 0]);
    assertEquals((await server.call("POST", `/jobs/${hard}/resume`)).status, 200);
    assertEquals((await server.state(hard, "completed"))["step"], 80);
  });

  await t.step("a finished job goes on with a larger budget", async () => {
    assertEquals((await server.call("POST", `/jobs/${rest}/resume`)).status, 409);
    const raised = await server.call("POST", `/jobs/${rest}/resume`, { max_steps: 100 });
    assertEquals(raised.status, 200, JSON.stringify(raised.body));
    await server.event(`/jobs/${rest}/events?types=trainStep`, ({ data }) => data["step"] === 100);
    assertEquals((await server.state(rest, "completed"))["step"], 100);
  });
});

Deno.test("a corrupted newest checkpoint falls back to the one before it, and says so", async () => {
  await using server = await ServerProcess.start();
  const job = await server.submit(SPIRALS, { max_steps: 100_000, max_epochs: 100_000 });
  const path = `/jobs/${job}/events?types=trainStep`;
  await server.event(path, ({ data }) => data["step"] === 30);
  await server.call("POST", `/jobs/${job}/checkpoints`);
  await server.event(path, ({ data }) => Number(data["step"]) >= 80);
  await server.call("POST", `/jobs/${job}/pause`, { release: true });
  await server.state(job, "parked");
  const { body } = await server.call("GET", `/jobs/${job}/checkpoints`);
  const [newest, previous] = (body["items"] as { checkpoint: number; path: string; step: number }[])
    .sort((a, b) => b.checkpoint - a.checkpoint);
  const file = await Deno.open(`${server.dataDir}/jobs/${job}/${newest!.path}`, { write: true });
  await file.seek(-4, Deno.SeekMode.End);
  await file.write(new Uint8Array([1, 2, 3, 4]));
  file.close();
  await server.call("POST", `/jobs/${job}/resume`);
  const { data } = await server.event(`/jobs/${job}/events`, ({ type }) => type === "recovered");
  assertEquals([data["checkpoint"], data["skipped"]], [previous!.checkpoint, [newest!.checkpoint]]);
  await server.event(path, ({ data }) => Number(data["step"]) > newest!.step);
  assertEquals((await server.call("GET", `/jobs/${job}`)).body["take"], 1);
  await server.call("POST", `/jobs/${job}/stop`);
});
