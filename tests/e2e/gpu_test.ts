import { assertEquals, assertStringIncludes } from "@std/assert";
import { LIBRARY_FILE, readLibraryRecord } from "../../jobs/workers/tensorflow_library.ts";
import { PROJECT_ROOT } from "../fixtures/job_folder.ts";
import { ServerProcess } from "../fixtures/server_process.ts";
import { tensorFlowForTests } from "../fixtures/tensorflow_library.ts";

const installed = await tensorFlowForTests();
const spirals = await Deno.readTextFile(`${PROJECT_ROOT}/tests/fixtures/spirals.ts`);

/** Two GPUs, as `nvidia-smi` lists them; the second has no room. */
const NVIDIA_SMI = `#!/bin/sh
echo "0, GPU-a, NVIDIA L4, 00000000:03:00.0, 23034, 1, 22570, 0"
echo "1, GPU-b, NVIDIA L4, 00000000:04:00.0, 23034, 22000, 1034, 100"
`;

Deno.test({
  name: "a job that was to have a GPU fails where its driver is none, and never computes without",
  ignore: installed === null,
  fn: async () => {
    const folder = await Deno.makeTempDir();
    const record = await readLibraryRecord(installed!.folder);
    for (const { name } of record!.files) {
      await Deno.symlink(`${installed!.folder}/${name}`, `${folder}/${name}`);
    }
    await Deno.writeTextFile(`${folder}/${LIBRARY_FILE}`, JSON.stringify({ ...record, gpu: true }));
    await Deno.writeTextFile(`${folder}/nvidia-smi`, NVIDIA_SMI, { mode: 0o755 });
    const path = Deno.env.get("PATH")!;
    Deno.env.set("PATH", `${folder}:${path}`);
    try {
      const flags = ["--tensorflow-dir", folder, "--sandbox", "trust-native", "--gpu-share", "2"];
      await using server = await ServerProcess.start("--backend", "tensorflow", ...flags);
      const { body: { slots } } = await server.call("GET", "/readyz");
      assertEquals((slots as { training: number }).training, 4, "GPUs x share");
      const job = await server.submit(spirals, { max_steps: 3 });
      const failed = await server.state(job, "failed", "completed");
      assertEquals(failed["state"], "failed");
      assertStringIncludes(
        JSON.stringify(failed),
        "the driver does not say which device NVIDIA L4 is",
      );
    } finally {
      Deno.env.set("PATH", path);
      await Deno.remove(folder, { recursive: true });
    }
  },
});
