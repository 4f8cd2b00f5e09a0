import { assertEquals } from "@std/assert";
import { fromFileUrl } from "@std/path";
import { webGpuForTests } from "../fixtures/webgpu_adapter.ts";

const adapter = await webGpuForTests();

/**
 * Runs a file of tests apart: Mesa's driver and TensorFlow's library each bring an LLVM, and a process
 * that has loaded both ends in a segmentation fault.
 */
async function runApart(file: string): Promise<void> {
  const path = fromFileUrl(new URL(`../fixtures/${file}`, import.meta.url));
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["test", "-A", "--quiet", "--no-check", "--unstable-kv", path],
    env: { NO_COLOR: "1" },
  }).output();
  const said = new TextDecoder().decode(stdout) + new TextDecoder().decode(stderr);
  assertEquals(code, 0, said);
  console.log(said.trim());
}

for (
  const [about, file] of [
    ["webgpu computes, reads back, trains and fails as the other backends do", "webgpu_checks.ts"],
    ["layers of tf.layers on webgpu equal cpu and their derivatives", "webgpu_layer_checks.ts"],
  ] as const
) Deno.test({ name: about, ignore: adapter === null, fn: () => runApart(file) });
