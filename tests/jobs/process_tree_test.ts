import { assert, assertEquals, assertRejects } from "@std/assert";
import {
  identifyProcess,
  isRunning,
  lowerPriority,
  processTree,
  residentBytes,
  signalProcesses,
  waitUntilGone,
} from "../../jobs/workers/process_tree.ts";

/** Starts a shell that starts another program and waits for it. */
async function startFamily(): Promise<Deno.ChildProcess> {
  const child = new Deno.Command("sh", {
    args: ["-c", "sleep 60 & echo started; wait"],
    stdout: "piped",
  }).spawn();
  const reader = child.stdout.getReader();
  await reader.read();
  reader.releaseLock();
  return child;
}

Deno.test("processTree() lists a process and what descends from it", async () => {
  const child = await startFamily();
  const tree = processTree(child.pid);
  assertEquals(tree.length, 2);
  assertEquals(tree[0], identifyProcess(child.pid));
  assert(residentBytes(tree) > 2 ** 16);
  assert(residentBytes(processTree(Deno.pid)) > 10 * 2 ** 20);

  signalProcesses(tree, "SIGKILL");
  await child.status;
  await waitUntilGone(tree);
  assertEquals(processTree(child.pid), []);
  assertEquals(tree.map(isRunning), [false, false]);
  await child.stdout.cancel();
});

Deno.test("isRunning() knows a process from another with its number", () => {
  const own = identifyProcess(Deno.pid);
  assertEquals(own?.pid, Deno.pid);
  assert(own !== null && isRunning(own));
  assert(!isRunning({ pid: Deno.pid, startTime: "1@another-boot" }));
});

Deno.test("signalProcesses() spares a process that only has the number", () => {
  signalProcesses([{ pid: Deno.pid, startTime: "1@another-boot" }], "SIGKILL");
});

Deno.test("waitUntilGone() gives up at its limit", async () => {
  await assertRejects(() => waitUntilGone(processTree(Deno.pid), 20), Deno.errors.TimedOut);
});

Deno.test({
  name:
    "lowerPriority() lets others go before a process, and leaves a later one of its number alone",
  ignore: Deno.build.os !== "linux",
  async fn() {
    const child = new Deno.Command("sleep", { args: ["60"] }).spawn();
    const niceness = () => Number(Deno.readTextFileSync(`/proc/${child.pid}/stat`).split(" ")[18]);
    const before = niceness();
    const identity = identifyProcess(child.pid)!;
    lowerPriority({ ...identity, startTime: "another" });
    assertEquals(niceness(), before);
    lowerPriority(identity);
    assertEquals(niceness(), 10);
    child.kill("SIGKILL");
    await child.status;
    lowerPriority(identity);
  },
});
