import { ScriptedLauncher } from "../fixtures/scripted_launcher.ts";
import { JobFolder } from "../fixtures/job_folder.ts";
import { launchRequest } from "../fixtures/launch_request.ts";
import { testLauncher } from "./launcher_contract.ts";

for (const sandbox of ["auto", "deno"] as const) {
  testLauncher(`ProcessLauncher with sandbox ${sandbox}`, async () => {
    const folder = await JobFolder.open(sandbox);
    return {
      launcher: folder.launcher,
      request: () => folder.request("escapes", "tiny_job", { goal: "paused" }),
      [Symbol.asyncDispose]: () => folder[Symbol.asyncDispose](),
    };
  });
}

testLauncher("ScriptedLauncher", async () => {
  const path = await Deno.makeTempDir();
  return {
    launcher: new ScriptedLauncher(),
    request: () => launchRequest(path, "", { goal: "paused" }),
    [Symbol.asyncDispose]: () => Deno.remove(path, { recursive: true }),
  };
});
