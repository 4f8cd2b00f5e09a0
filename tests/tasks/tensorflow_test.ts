import { assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import { fromFileUrl } from "@std/path";
import { findTensorFlow } from "../../jobs/workers/tensorflow_library.ts";
import { findCompanions, findLibraryFiles } from "../../tasks/tensorflow/local_library.ts";
import { megabytesOf, pinnedBundle, WheelError } from "../../tasks/tensorflow/wheel.ts";
import { fencedBlocks, readDocument } from "../fixtures/markdown.ts";
import { foreignLibrary, tensorFlowForTests } from "../fixtures/tensorflow_library.ts";

const TASK = fromFileUrl(new URL("../../tasks/tensorflow.ts", import.meta.url));
const installed = await tensorFlowForTests();
const pinned = Deno.build.os === "linux" && Deno.build.arch === "x86_64";

/** Runs the task with `into` as its target, in a folder of its own that goes afterwards. */
async function withTask(
  test: (run: typeof runTask, into: string, folder: string) => Promise<void>,
): Promise<void> {
  const folder = await Deno.makeTempDir();
  const into = `${folder}/library`;
  try {
    await test((...args) => runTask("--into", into, ...args), into, folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

async function runTask(...args: string[]): Promise<{ code: number; said: string }> {
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--quiet", TASK, ...args],
    stdin: "null",
  }).output();
  return { code, said: new TextDecoder().decode(stdout) + new TextDecoder().decode(stderr) };
}

/** Names in the folder, its lock left out. */
function namesIn(folder: string): string[] {
  return [...Deno.readDirSync(folder)].map(({ name }) => name)
    .filter((name) => !name.endsWith(".lock")).sort();
}

Deno.test({
  name: "task tensorflow refuses a damaged wheel by its hash and leaves nothing",
  ignore: !pinned,
  fn: () =>
    withTask(async (run, _, folder) => {
      await Deno.writeTextFile(`${folder}/damaged.whl`, "half a wheel");
      const { code, said } = await run("--wheel", `${folder}/damaged.whl`);
      assertEquals(code, 1);
      assertStringIncludes(said, "damaged.whl is not tensorflow_cpu-2.21.0");
      assertStringIncludes(said, "was damaged: its SHA-256 is");
      assertEquals(namesIn(folder), ["damaged.whl"]);
    }),
});

Deno.test({
  name: "task tensorflow refuses a library without the eager C API and leaves nothing",
  ignore: Deno.build.os !== "linux",
  fn: () =>
    withTask(async (run, _, folder) => {
      await Deno.mkdir(`${folder}/foreign`);
      await foreignLibrary(`${folder}/foreign`);
      const { code, said } = await run("--lib", `${folder}/foreign`);
      assertEquals(code, 1);
      assertStringIncludes(said, "has no eager C API of TensorFlow");
      assertEquals(namesIn(folder), ["foreign"]);
    }),
});

Deno.test("task tensorflow says what it looks for in a folder without it", () =>
  withTask(async (run, _, folder) => {
    const { code, said } = await run("--lib", folder);
    assertEquals(code, 1);
    assertStringIncludes(said, `${folder} has no libtensorflow_cc.so.2 or libtensorflow.so.2`);
    assertEquals(namesIn(folder), []);
  }));

Deno.test({
  name: "task tensorflow takes a library that is there, whole, over what was there before",
  ignore: installed === null,
  fn: () =>
    withTask(async (run, into, folder) => {
      await Deno.mkdir(into);
      await Deno.writeTextFile(`${into}/left.txt`, "of an installation that was ended");
      await Deno.mkdir(`${into}.partial`);
      const { code, said } = await run("--lib", installed!.folder);
      assertEquals(code, 0, said);
      assertStringIncludes(said, `TensorFlow ${installed!.version} is in ${into}`);
      assertEquals((await findTensorFlow(into)).version, installed!.version);
      assertEquals(namesIn(into).length, 3);
      assertEquals(namesIn(folder), ["library"]);
    }),
});

Deno.test("task tensorflow refuses arguments that it does not know, or that contradict", async () => {
  for (const args of [["--gpus"], ["--lib", "a", "--wheel", "b"], ["--gpu", "--wheel", "b"]]) {
    assertEquals((await runTask("--into", "/nowhere/library", ...args)).code, 2);
  }
});

Deno.test("pinnedBundle() says what to do where no wheel is pinned", () => {
  assertThrows(() => pinnedBundle(false, "plan9-mips"), WheelError, "--lib DIR");
});

Deno.test("pinnedBundle() for GPUs is TensorFlow and CUDA's libraries, each known to the byte", () => {
  const bundle = pinnedBundle(true, "linux-x86_64");
  assertEquals(bundle.wheels[0]!.requirement, "tensorflow==2.21.0");
  const libraries = bundle.wheels.slice(1).map(({ requirement }) =>
    requirement.split("-cu12==")[0]
  );
  for (const library of ["cudnn", "cublas", "cuda-runtime", "cufft", "cusolver", "cusparse"]) {
    assertEquals(libraries.includes(`nvidia-${library}`), true, library);
  }
  for (const { file, sha256, requirement } of bundle.wheels) {
    assertEquals(/^[0-9a-f]{64}$/.test(sha256), true, file);
    const [name, version] = requirement.split("==");
    assertEquals(file.startsWith(`${name!.replaceAll("-", "_")}-${version}-`), true, file);
  }
  assertEquals(megabytesOf(bundle), 3_338);
  assertEquals(pinnedBundle(false, "linux-x86_64").wheels.length, 1);
});

Deno.test({
  name: "task tensorflow --gpu --dry-run says what would be downloaded, and brings nothing",
  ignore: !pinned,
  fn: () =>
    withTask(async (run, _, folder) => {
      const { code, said } = await run("--gpu", "--dry-run");
      assertEquals(code, 0, said);
      assertStringIncludes(said, "nvidia-cudnn-cu12==");
      assertStringIncludes(said, "12 wheels, 3338 MB");
      assertEquals(namesIn(folder), []);
    }),
});

Deno.test("findCompanions() finds CUDA's libraries beside TensorFlow's, flat or as in wheels", async () => {
  const folder = await Deno.makeTempDir();
  const write = async (path: string) => {
    await Deno.mkdir(`${folder}/${path.split("/").slice(0, -1).join("/")}`, { recursive: true });
    await Deno.writeTextFile(`${folder}/${path}`, "");
  };
  for (
    const path of [
      "site/tensorflow/libtensorflow_cc.so.2",
      "site/tensorflow/libtensorflow_framework.so.2",
      "site/nvidia/cudnn/lib/libcudnn.so.9",
      "site/nvidia/cudnn/lib/__init__.py",
      "site/nvidia/cublas/lib/libcublas.so.12",
      "site/nvidia/cublas/include/cublas.h",
      "flat/libtensorflow_cc.so.2",
      "flat/libtensorflow_framework.so.2",
      "flat/libcudart.so.12",
      "flat/library.json",
    ]
  ) await write(path);
  const companions = async (from: string) => {
    const files = await findLibraryFiles(`${folder}/${from}`);
    const paths = await findCompanions(`${folder}/${from}`, files);
    return paths.map((path) => path.split("/").at(-1)!).sort();
  };
  assertEquals(await companions("site"), ["libcublas.so.12", "libcudnn.so.9"]);
  assertEquals(await companions("site/tensorflow"), ["libcublas.so.12", "libcudnn.so.9"]);
  assertEquals(await companions("flat"), ["libcudart.so.12"]);
  await Deno.remove(folder, { recursive: true });
});

Deno.test({
  name: "task tensorflow --gpu --lib takes a library for GPUs, and says that it found none to try",
  ignore: installed === null,
  fn: () =>
    withTask(async (run, into) => {
      const { code, said } = await run("--gpu", "--lib", installed!.folder);
      if (said.includes("does not see the GPU")) return console.log("not tried: there is a GPU");
      assertEquals(code, 0, said);
      assertStringIncludes(said, "nvidia-smi lists no GPU: that the library computes on one");
      assertEquals((await findTensorFlow(into)).gpu, true);
    }),
});

Deno.test("task tensorflow prints the help that docs/backends.md shows", async () => {
  const { code, said } = await runTask("--help");
  assertEquals(code, 0);
  const shown = fencedBlocks(await readDocument("docs/backends.md"))
    .find(({ text }) => text.startsWith("$ deno task tensorflow --help"));
  assertEquals(shown?.text.split("\n").slice(1).join("\n").trim(), said.trim());
});
