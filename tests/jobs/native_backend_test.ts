import { assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { prepareDenoCache, userDenoCache } from "../../jobs/workers/deno_cache.ts";
import { findNativeBackend, nativeFor } from "../../jobs/workers/native_backend.ts";
import { denoArguments } from "../../jobs/workers/permissions.ts";
import { ProcessLauncher } from "../../jobs/workers/process_launcher.ts";
import { probeIsolation } from "../../jobs/workers/sandbox.ts";
import {
  findTensorFlow,
  TensorFlowMissingError,
  userTensorFlowDir,
} from "../../jobs/workers/tensorflow_library.ts";
import type { LaunchContext } from "../../runtime/protocol/commands.ts";
import { AttemptRecord } from "../fixtures/attempt_record.ts";
import { PROJECT_ROOT } from "../fixtures/job_folder.ts";
import { launchRequest } from "../fixtures/launch_request.ts";
import { tensorFlowForTests } from "../fixtures/tensorflow_library.ts";

const installed = await tensorFlowForTests();
const bwrap = { kind: "bwrap+deno", reason: "for the test" } as const;
const deno = { kind: "deno", reason: "there is no bwrap" } as const;

async function withFolder(test: (folder: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    await test(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/** Writes what looks like a library of one file of 4 bytes. */
async function writeLibrary(folder: string): Promise<void> {
  await Deno.writeTextFile(`${folder}/libtensorflow.so.2`, "1234");
  const files = [{ name: "libtensorflow.so.2", bytes: 4, sha256: "" }];
  const record = { version: "2.21.0", library: "libtensorflow.so.2", files, source: "a test" };
  await Deno.writeTextFile(`${folder}/library.json`, JSON.stringify(record));
}

Deno.test("findTensorFlow() answers the library at its real path", async () => {
  await withFolder(async (folder) => {
    await Deno.mkdir(`${folder}/real`);
    await writeLibrary(`${folder}/real`);
    await Deno.symlink(`${folder}/real`, `${folder}/link`);
    const real = await Deno.realPath(`${folder}/real`);
    assertEquals(await findTensorFlow(`${folder}/link`), {
      folder: real,
      path: `${real}/libtensorflow.so.2`,
      version: "2.21.0",
    });
  });
});

Deno.test("findTensorFlow() says what is missing and which task brings it", async () => {
  await withFolder(async (folder) => {
    const refuses = (said: string) =>
      assertRejects(() => findTensorFlow(folder), TensorFlowMissingError, said);
    await refuses(`its library is not in ${folder}; \`deno task tensorflow\` brings it`);
    await writeLibrary(folder);
    await Deno.writeTextFile(`${folder}/libtensorflow.so.2`, "12345");
    await refuses("has 5 bytes, not 4; `deno task tensorflow` brings it again");
    await Deno.remove(`${folder}/libtensorflow.so.2`);
    await refuses("libtensorflow.so.2 is missing");
    await Deno.writeTextFile(`${folder}/library.json`, "{ half");
    await refuses("its library is not in");
    await assertRejects(() => findTensorFlow(null), TensorFlowMissingError, "HOME");
  });
});

Deno.test("userTensorFlowDir() is in the user's cache, where there is one", () => {
  const dirOf = (env: Record<string, string>) => userTensorFlowDir((name) => env[name]);
  assertEquals(dirOf({ HOME: "/home/a" }), "/home/a/.cache/onthefly/tensorflow");
  assertEquals(dirOf({ HOME: "/home/a", XDG_CACHE_HOME: "/c" }), "/c/onthefly/tensorflow");
  assertEquals(dirOf({ XDG_CACHE_HOME: "relative" }), null);
  assertEquals(dirOf({}), null);
});

Deno.test("findNativeBackend() runs native code inside bwrap, or trusted in so many words", async () => {
  await withFolder(async (folder) => {
    await writeLibrary(folder);
    const version = async (...args: Parameters<typeof findNativeBackend>) =>
      (await findNativeBackend(...args)).library?.version ?? null;
    assertEquals(await version(folder, "auto", bwrap), "2.21.0");
    assertEquals(await version(folder, "require", bwrap), "2.21.0");
    assertEquals(await version(folder, "auto", deno), null);
    assertEquals(await version(folder, "deno", deno), null);
    assertEquals(await version(folder, "trust-native", deno), "2.21.0");
    assertEquals(await version(undefined, "auto", bwrap), null);
    const { reason } = await findNativeBackend(folder, "auto", deno);
    assertStringIncludes(reason, "there is no bwrap");
    assertStringIncludes(reason, "ONTHEFLY_SANDBOX=trust-native");
  });
});

Deno.test("probeIsolation() with trust-native goes without bwrap and says that it trusts", async () => {
  const { kind, reason } = await probeIsolation("trust-native", "/nowhere/deno");
  assertEquals(kind, "deno");
  assertStringIncludes(reason, "native code is trusted");
});

Deno.test("a job on wasm or cpu may load no native code, whatever is there", async () => {
  await withFolder(async (folder) => {
    await writeLibrary(folder);
    const native = await findNativeBackend(folder, "auto", bwrap);
    const library = (backend: LaunchContext["backend"]) =>
      nativeFor({ context: { backend } }, native).library?.version ?? null;
    assertEquals((["auto", "tensorflow", "wasm", "cpu"] as const).map(library), [
      "2.21.0",
      "2.21.0",
      null,
      null,
    ]);
  });
});

Deno.test("a job that may reach a host runs no native code, which would reach them all", async () => {
  await withFolder(async (folder) => {
    await writeLibrary(folder);
    const native = await findNativeBackend(folder, "auto", bwrap);
    const permissions = { read: [], net: ["example.com:443"] };
    const { library, reason } = nativeFor({ context: { backend: "auto" }, permissions }, native);
    assertEquals(library, null);
    assertStringIncludes(reason, "may reach a host");
  });
});

Deno.test("denoArguments() allows ffi for one file, and only where one is named", () => {
  const policy = {
    projectRoot: "/srv/onthefly",
    entry: "/srv/onthefly/runtime/worker.ts",
    jobDir: "/data/jobs/job-1",
    checkpointDir: "/data/jobs/job-1/checkpoints/1",
    heapBytes: 2 ** 29,
  };
  const ffi = (args: string[]) => args.filter((argument) => argument.includes("ffi"));
  assertEquals(ffi(denoArguments(policy)), []);
  const nativeLibrary = "/lib/tf/libtensorflow_cc.so.2";
  assertEquals(ffi(denoArguments({ ...policy, nativeLibrary })), [`--allow-ffi=${nativeLibrary}`]);
});

Deno.test({
  name: "ProcessLauncher with trust-native trains on tensorflow without bwrap",
  ignore: installed === null,
  fn: () =>
    withFolder(async (folder) => {
      const cache = userDenoCache(PROJECT_ROOT, (name) => Deno.env.get(name)) ?? folder;
      const denoDir = `${cache}/deno+tensorflow`;
      await prepareDenoCache(denoDir);
      const sandbox = "trust-native";
      const options = { projectRoot: PROJECT_ROOT, sandbox, denoDir } as const;
      const native = await findNativeBackend(installed!.folder, "trust-native", deno);
      const launcher = new ProcessLauncher(options, deno, native);
      const module = await Deno.readTextFile(`${PROJECT_ROOT}/tests/fixtures/spirals.ts`);
      const config = { max_steps: 20 };
      const request = await launchRequest(folder, module, { config, backend: "tensorflow" });
      const record = new AttemptRecord(await launcher.launch(request));
      assertEquals((await record.event("session_started")).backend.name, "tensorflow");
      const { code, stderrTail } = await record.exit();
      assertEquals(code, 0, stderrTail);
    }),
});

Deno.test("a server that is to compute on tensorflow does not start without its library", async () => {
  await withFolder(async (folder) => {
    const main = `${PROJECT_ROOT}/main.ts`;
    const flags = [`--data-dir=${folder}/data`, `--tensorflow-dir=${folder}`, "--port=0"];
    const { code, stderr } = await new Deno.Command(Deno.execPath(), {
      args: ["run", "-A", "--quiet", main, "serve", "--sandbox=trust-native", ...flags],
      env: { ONTHEFLY_BACKEND: "tensorflow" },
    }).output();
    assertEquals(code, 2);
    assertStringIncludes(
      new TextDecoder().decode(stderr),
      `ONTHEFLY_BACKEND: tensorflow cannot be used: its library is not in ${folder}; ` +
        "`deno task tensorflow` brings it",
    );
  });
});
