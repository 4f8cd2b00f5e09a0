import { assert, assertEquals } from "@std/assert";
import { fromFileUrl, join } from "@std/path";
import type { LaunchContext } from "../../runtime/protocol/commands.ts";
import { launchContext, WorkerProcess } from "../fixtures/worker_process.ts";

const SPIRALS = fromFileUrl(new URL("../fixtures/spirals.ts", import.meta.url));
const CONFIG = {
  max_epochs: 1000,
  val_every_n_epochs: 0,
  val_every_n_steps: 10,
  schedule: { name: "exponential", decay: 0.99, per: "step" },
};

async function trained(
  folder: string,
  max_steps: number,
  changes: Partial<LaunchContext> = {},
): Promise<WorkerProcess> {
  const config = { ...CONFIG, ...changes.config, max_steps };
  const worker = new WorkerProcess(launchContext(SPIRALS, folder, { ...changes, config }));
  assertEquals((await worker.ended()).code, 0);
  return worker;
}

function newest(folder: string, worker: WorkerProcess) {
  const { run_id: job, checkpoint, file, sha256 } = worker.all("checkpoint_saved").at(-1)!;
  return { job, checkpoint, path: join(folder, file), sha256 };
}

Deno.test("a fork's samples, schedule and slice of val go on in a later worker, to the bit", async () => {
  const folder = await Deno.makeTempDir();
  try {
    const parent = await trained(folder, 40);
    const start = {
      from: "fork",
      checkpoint: newest(folder, parent),
      origin_step: 40,
      selection: { kind: "quantile", from: 0.6, to: 1 },
      optimizer: "keep",
      lr_mul: 2,
      schedule: "restart",
      rehearsal: 0.2,
    } as const;
    const child = (max_steps: number, next_checkpoint: number, more: Partial<LaunchContext> = {}) =>
      trained(folder, max_steps, { run_id: "job-child", next_checkpoint, start, ...more });
    const whole = await child(40, 100);
    const first = await child(25, 200);
    const checkpoint = newest(folder, first);
    const second = await child(40, 300, {
      run_gen: 2,
      origin_step: 40,
      start: { from: "checkpoint", checkpoint },
    });
    const told = (...workers: WorkerProcess[]) =>
      workers.flatMap((worker) => worker.all("trainStep")).map(({ step, loss, lr }) => [
        step,
        loss,
        lr,
      ]);
    const slices = (...workers: WorkerProcess[]) =>
      workers.flatMap((worker) => worker.all("validation")).map(({ step, val_slice }) => [
        step,
        val_slice,
      ]);
    assertEquals(told(first, second), told(whole));
    assertEquals(slices(first, second), slices(whole));
    assertEquals(whole.all("trainStep")[0]!.lr, 0.02);
    const { selected, fork } = whole.all("session_started")[0]!;
    assertEquals([fork!.selected, fork!.rehearsal, selected], [102, 26, 128]);
    assert(fork!.val_slice! > 0);
    assertEquals(second.all("session_started")[0]!.fork, undefined);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
