/** What a run was, proven by training it again: on a real server, with real workers. */
import { assert, assertEquals } from "@std/assert";
import { join } from "@std/path";
import { DatabaseSync } from "node:sqlite";
import { ServerProcess } from "../fixtures/server_process.ts";

const SPIRALS = await Deno.readTextFile(new URL("../fixtures/spirals.ts", import.meta.url));

type Answer = Record<string, unknown>;

/** One job and what is done to it. */
class CertifiedJob {
  private constructor(readonly server: ServerProcess, readonly id: string) {}

  static async start(server: ServerProcess): Promise<CertifiedJob> {
    const config = { max_epochs: 100_000, ckpt_every_steps: null, ckpt_keep: 50 };
    return new CertifiedJob(server, await server.submit(SPIRALS, config));
  }

  async ask(call: string, body: Answer = {}, method = "POST", status = 200): Promise<Answer> {
    const answer = await this.server.call(method, `/jobs/${this.id}/${call}`, body);
    assertEquals(answer.status, status, JSON.stringify(answer.body));
    return answer.body;
  }

  async trains(steps: number): Promise<void> {
    const { body } = await this.server.call("GET", `/jobs/${this.id}`);
    const until = Number(body["step"]) + steps;
    await this.server.event(
      `/jobs/${this.id}/events?types=trainStep`,
      ({ data }) => data["take"] === body["take"] && Number(data["step"]) >= until,
    );
  }

  /** Numbers of its steps in the log, by take. */
  async logged(): Promise<string[]> {
    const path = `/jobs/${this.id}/events?types=trainStep,testStep&follow=false`;
    return (await Array.fromAsync(this.server.events(path)))
      .map(({ type, data }) => `${type} ${data["take"]} ${data["step"]}`);
  }

  get folder(): string {
    return join(this.server.dataDir, "jobs", this.id);
  }
}

/** Pauses, a new learning rate, a test and a rewind; answers a checkpoint in the middle of take 2. */
async function live(job: CertifiedJob): Promise<{ middle: Answer; rewoundFrom: number }> {
  await job.trains(30);
  const { checkpoint } = await job.ask("pause");
  await job.ask("test");
  await job.ask("resume");
  await job.trains(20);
  await job.ask("hparams", { lr: 0.004 }, "PATCH");
  await job.trains(20);
  await job.ask("checkpoints");
  const { applied_at_step } = await job.ask("rewind", { checkpoint });
  await job.trains(25);
  await job.ask("pause");
  await job.ask("hparams", { lr: 0.02, grad_clip_norm: null }, "PATCH");
  await job.ask("resume");
  await job.trains(25);
  const middle = await job.ask("checkpoints");
  await job.trains(20);
  await job.ask("stop");
  return { middle, rewoundFrom: Number(applied_at_step) };
}

/** Turns one bit of the first weight of a checkpoint file. */
async function tamperWithWeights(path: string): Promise<void> {
  const bytes = await Deno.readFile(path);
  const header = Number(new DataView(bytes.buffer).getBigUint64(0, true));
  const names = JSON.parse(new TextDecoder().decode(bytes.subarray(8, 8 + header)));
  const at = 8 + header + names["0000/kernel"].data_offsets[0];
  bytes[at + 4] = bytes[at + 4]! ^ 1;
  await Deno.writeFile(path, bytes);
}

/** Changes the loss that the log has of a step. */
function tamperWithLog(dataDir: string, take: number, step: number, loss: number): void {
  const db = new DatabaseSync(join(dataDir, "events.sqlite3"));
  const set = "UPDATE event SET data = json_set(data, '$.loss', ?)";
  const { changes } = db.prepare(`${set} WHERE type = 1 AND take = ? AND step = ?`)
    .run(loss, take, step);
  db.close();
  assertEquals(Number(changes), 1);
}

Deno.test("a certificate is identical for an honest run, and names what was tampered with", async (t) => {
  await using server = await ServerProcess.start();
  const job = await CertifiedJob.start(server);
  const { middle, rewoundFrom } = await live(job);
  const logged = await job.logged();
  const { step } = (await server.call("GET", `/jobs/${job.id}`)).body as { step: number };

  await t.step("identical, through pauses, hyperparameters and behind a rewind", async () => {
    const certificate = await job.ask("certificate");
    assertEquals(certificate["result"], "identical");
    assertEquals([certificate["take"], certificate["to"]], [2, step]);
    assertEquals([certificate["first_step"], certificate["first_tensor"]], [null, null]);
    assertEquals(certificate["steps"], step - Number(certificate["from"]));
    assert((certificate["compared"] as number[]).includes(Number(middle["checkpoint"])));
    assertEquals(certificate["determinism"], "exact");
  });
  await t.step("identical for the take that was rewound", async () => {
    const certificate = await job.ask("certificate", { from: 0, to: rewoundFrom, take: 1 });
    assertEquals([certificate["result"], certificate["take"]], ["identical", 1]);
    assertEquals([certificate["from"], certificate["steps"]], [0, rewoundFrom]);
  });
  await t.step("its progress is told", async () => {
    const path = `/jobs/${job.id}/events?types=progress&follow=false`;
    const told = await Array.fromAsync(server.events(path), ({ data }) => data["task"]);
    assert(told.filter((task) => task === "certificate").length >= 4);
  });
  await t.step("nothing that it trains reaches the log", async () => {
    assertEquals(await job.logged(), logged);
  });
  await t.step("refused across takes, behind the last step, and backwards", async () => {
    const across = await job.ask("certificate", { from: 0, to: step }, "POST", 422);
    assertEquals(across["field"], "from");
    const behind = await job.ask("certificate", { to: 1_000_000 }, "POST", 422);
    assertEquals(behind["field"], "to");
    await job.ask("certificate", { from: 20, to: 10 }, "POST", 422);
  });
  await t.step("cancelled, its receipt says so", async () => {
    const asked = await server.call("POST", `/jobs/${job.id}/certificate`, {}, {
      prefer: "respond-async",
    });
    assertEquals(asked.status, 202);
    const cancelled = await job.ask(`commands/${asked.body["command_id"]}`, {}, "DELETE");
    assertEquals(cancelled["status"], "failed");
  });

  await server.terminate();
  const number = Number(middle["checkpoint"]);
  await tamperWithWeights(
    join(job.folder, `checkpoints/1/${String(number).padStart(6, "0")}.safetensors`),
  );
  await server.start();
  await t.step("a changed weight is named", async () => {
    const certificate = await job.ask("certificate");
    assertEquals([certificate["result"], certificate["altered"]], ["differs", [number]]);
    const { saved, recomputed, ...tensor } = certificate["first_tensor"] as Answer;
    assertEquals(tensor, {
      step: middle["applied_at_step"],
      checkpoint: number,
      tensor: "0000/kernel",
      element: 1,
    });
    assert(saved !== recomputed);
    assertEquals(certificate["first_step"], null);
  });

  await server.terminate();
  const changed = Number(middle["applied_at_step"]) - 7;
  tamperWithLog(server.dataDir, 2, changed, 0.125);
  await server.start();
  await t.step("a changed step is named", async () => {
    const { recomputed, ...first } = (await job.ask("certificate"))["first_step"] as Answer;
    assertEquals(first, { step: changed, field: "loss", logged: 0.125 });
    assert(recomputed !== 0.125);
  });

  await server.terminate();
  const path = `checkpoints/1/${String(number).padStart(6, "0")}.safetensors`;
  await Deno.truncate(join(job.folder, path), 1_000);
  await server.start();
  await t.step(
    "a file that was cut short is named, and the rest compared all the same",
    async () => {
      const certificate = await job.ask("certificate");
      const { checkpoint, tensor } = certificate["first_tensor"] as Answer;
      assertEquals([checkpoint, tensor], [number, "file"]);
      assertEquals(certificate["altered"], [number]);
      assert(Number(certificate["steps"]) > 0);
    },
  );

  await server.terminate();
  const db = new DatabaseSync(join(server.dataDir, "events.sqlite3"));
  db.exec(`UPDATE event SET data = json_set(data, '$.runtime.tfjs', '0.1')
    WHERE json_extract(data, '$.type') = 'session_started'`);
  db.close();
  await server.start();
  await t.step("refused where another version made the steps", async () => {
    const refused = await job.ask("certificate", {}, "POST", 422);
    assertEquals(refused["code"], "runtime_changed");
    assert(String(refused["detail"]).includes("tfjs 0.1"));
  });
});

Deno.test("a certificate is refused where the ring dropped every beginning, unless it is of the run from its start", async () => {
  await using server = await ServerProcess.start();
  const id = await server.submit(SPIRALS, { max_epochs: 10, ckpt_every_steps: null, ckpt_keep: 1 });
  await server.state(id, "completed");
  const path = `/jobs/${id}/certificate`;
  const { status, body } = await server.call("POST", path, {});
  assertEquals([status, body["type"]], [409, "/problems/conflict"]);
  assert(String(body["detail"]).includes("is kept"));
  const whole = await server.call("POST", path, { from: 0 });
  const { result, checkpoint, from, to, compared } = whole.body;
  assertEquals([result, checkpoint, from, to, compared], ["identical", null, 0, 80, [2]]);
});
