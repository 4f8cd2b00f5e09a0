/** What every {@linkcode Launcher} must do, as tests that each implementation runs. */
import { assert, assertEquals, assertRejects } from "@std/assert";
import { CommandFailedError } from "../../jobs/errors.ts";
import type { Launcher, LaunchRequest } from "../../jobs/workers/launcher.ts";
import { AttemptRecord } from "../fixtures/attempt_record.ts";

/** A launcher under test, and a request for a worker that waits for commands. */
export interface LauncherUnderTest extends AsyncDisposable {
  launcher: Launcher;
  request(): Promise<LaunchRequest>;
}

/** Registers the tests of one implementation. */
export function testLauncher(name: string, open: () => Promise<LauncherUnderTest>): void {
  Deno.test(`${name} keeps the launcher's contract`, async (t) => {
    await using under = await open();
    const { launcher } = under;

    await t.step("isolation says what is there, and why", () => {
      assert(launcher.isolation.kind !== "" && launcher.isolation.reason !== "");
    });

    await t.step("the process is told before it gets its context", async () => {
      const order: string[] = [];
      const told = async () => {
        await Promise.resolve();
        order.push("told");
      };
      const worker = await launcher.launch({ ...await under.request(), onProcess: told });
      const record = new AttemptRecord(worker);
      await record.event("session_started");
      order.push("started");
      assertEquals(order, ["told", "started"]);
      await worker.stop("killed", 20_000);
    });

    await t.step("a launch whose process cannot be noted is refused", async () => {
      const onProcess = () => Promise.reject(new Error("the store is full"));
      const request = { ...await under.request(), onProcess };
      await assertRejects(() => launcher.launch(request), Error, "the store is full");
    });

    await t.step("events come from 1, one by one, and before the reply after them", async () => {
      const record = new AttemptRecord(await launcher.launch(await under.request()));
      await record.event("paused");
      const data = await record.worker.link.send("save_ckpt", { reason: "explicit" });
      const saved = record.events.filter(({ type }) => type === "checkpoint_saved").at(-1);
      assertEquals(saved?.type === "checkpoint_saved" && saved.checkpoint, data.checkpoint);
      assertEquals(record.numbers(), record.numbers().map((_, index) => index + 1));
      await record.worker.stop("killed", 20_000);
    });

    await t.step("stop() lets a worker end by itself, and ends its line", async () => {
      const { worker } = new AttemptRecord(await launcher.launch(await under.request()));
      const exits = [await worker.stop("exit", 20_000), await worker.exited];
      for (const { cause, code } of exits) {
        assertEquals({ cause, code }, { cause: "exit", code: 0 });
      }
      await worker.link.closed;
      const error = await assertRejects(() => worker.link.send("pause", {}), CommandFailedError);
      assertEquals(error.code, "worker_gone");
      worker.link.acknowledge(1);
    });
  });
}
