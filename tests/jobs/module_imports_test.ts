import {
  assert,
  assertEquals,
  assertRejects,
  assertStringIncludes,
  assertThrows,
} from "@std/assert";
import { UnprocessableError } from "../../jobs/errors.ts";
import { ServerConfigError } from "../../jobs/server_config.ts";
import { checkModule } from "../../jobs/submission/module_syntax.ts";
import { installImports, linkImports } from "../../jobs/workers/module_imports.ts";
import { createProcessLauncher } from "../../jobs/workers/process_launcher.ts";
import { AttemptRecord } from "../fixtures/attempt_record.ts";
import { importsConfig } from "../fixtures/imports_config.ts";
import { PROJECT_ROOT } from "../fixtures/job_folder.ts";
import { launchRequest } from "../fixtures/launch_request.ts";

const projectRoot = PROJECT_ROOT;

async function withFolder(test: (folder: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    await test(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

const MODULE = `import ms from "ms";
import { strToU8 } from "fflate";
import * as layers from "@tensorflow/tfjs-layers";
import { defineJob, tensorDataset } from "onthefly";
import * as tf from "@tensorflow/tfjs";
console.log("imported", ms(60_000), strToU8("ab").length, layers.sequential === tf.sequential);
export default defineJob({
  config: { maxSteps: 2, batchSize: 2 },
  model: () => tf.sequential({ layers: [layers.layers.dense({ units: 1, inputShape: [2] })] }),
  optimizer: () => tf.train.sgd(0.1),
  loss: "meanSquaredError",
  data: () => ({ train: tensorDataset(tf.zeros([2, 2]), tf.zeros([2, 1])) }),
});
`;

for (const sandbox of ["auto", "deno"] as const) {
  Deno.test(`modules import the packages of ONTHEFLY_IMPORTS, with sandbox ${sandbox}`, async () => {
    await withFolder(async (folder) => {
      const config = await importsConfig(`${folder}/config`, {
        ms: "npm:ms@2.1.3",
        fflate: "npm:fflate@0.8.3",
        "@tensorflow/tfjs-layers": "npm:@tensorflow/tfjs-layers@4.22.0",
      });
      // A data folder in a checkout, as it is by default: the packages there must not come between.
      await Deno.mkdir(`${folder}/checkout/node_modules`, { recursive: true });
      await Deno.symlink(
        `${projectRoot}/node_modules/@tensorflow`,
        `${folder}/checkout/node_modules/@tensorflow`,
      );
      const dataDir = `${folder}/checkout/data`;
      await Deno.mkdir(dataDir);
      const imports = await installImports({ config, projectRoot, dataDir });
      await linkImports(dataDir, imports.root);
      assertEquals(imports.names, ["ms", "fflate", "@tensorflow/tfjs-layers"]);
      checkModule(MODULE, "module.ts", { allowed: imports.names });

      const { root } = imports;
      const options = { projectRoot: root, sandbox, denoDir: `${root}/deno_dir` };
      const launcher = await createProcessLauncher(options);
      const request = await launchRequest(dataDir, MODULE, { backend: "wasm" });
      const record = new AttemptRecord(await launcher.launch(request));
      const { code, stderrTail } = await record.exit();
      assertEquals(record.lines("stdout"), ["imported 1m 2 true"], stderrTail);
      assertEquals(code, 0);
      await record.event("trainingFinished");
    });
  });
}

Deno.test("installImports() finds what it installed before, and makes anew what changed", async () => {
  await withFolder(async (folder) => {
    const dataDir = `${folder}/data`;
    const config = await importsConfig(`${folder}/config`, { ms: "npm:ms@2.1.3" });
    const first = await installImports({ config, projectRoot, dataDir });
    await Deno.writeTextFile(`${first.root}/kept`, "");
    const again = await installImports({ config, projectRoot, dataDir });
    assertEquals(again, first);
    assert(await Deno.stat(`${first.root}/kept`));
    await importsConfig(`${folder}/config`, { fflate: "npm:fflate@0.8.3" });
    const other = await installImports({ config, projectRoot, dataDir });
    assert(other.root !== first.root && other.lock !== first.lock);
    assertEquals([...Deno.readDirSync(`${dataDir}/imports`)].length, 1);
  });
});

Deno.test("installImports() runs no lifecycle script", async () => {
  await withFolder(async (folder) => {
    // Its install script would download TensorFlow's library.
    const config = await importsConfig(`${folder}/config`, { "core-js": "npm:core-js@3.29.1" });
    const { root } = await installImports({ config, projectRoot, dataDir: `${folder}/data` });
    const { allowScripts } = JSON.parse(await Deno.readTextFile(`${root}/deno.json`));
    assertEquals(allowScripts, undefined);
    const packages = `${root}/node_modules/.deno`;
    await assertRejects(() =>
      Deno.stat(
        `${packages}/@tensorflow+tfjs-node-gpu@4.22.0/node_modules/@tensorflow/tfjs-node-gpu/deps`,
      )
    );
  });
});

Deno.test("installImports() says what is wrong with a config or its lock", async () => {
  await withFolder(async (folder) => {
    const faults: [string, () => Promise<string>][] = [
      ["there is no such file", async () => {
        await importsConfig(`${folder}/none`, {});
        await Deno.remove(`${folder}/none/deno.json`);
        return `${folder}/none/deno.json`;
      }],
      ["run `deno install` there", async () => {
        const config = await importsConfig(`${folder}/unlocked`, {});
        await Deno.remove(`${folder}/unlocked/deno.lock`);
        return config;
      }],
      [
        "ms: https://example.com/ms.js is no package of npm",
        () => importsConfig(`${folder}/remote`, { ms: "https://example.com/ms.js" }),
      ],
      [
        "zod: it is npm:zod@",
        () => writeTaken(folder),
      ],
      [
        "a second @tensorflow/tfjs-core",
        () =>
          importsConfig(`${folder}/second`, { ms: "npm:ms@2.1.3" }, ({ npm }) => {
            npm["@tensorflow/tfjs-core@3.0.0"] = { integrity: "sha512-AA==" };
          }),
      ],
      [
        "other bytes for ms@2.1.3",
        () =>
          importsConfig(`${folder}/forged`, { ms: "npm:ms@2.1.3" }, ({ npm }) => {
            npm["ms@2.1.3"] = { integrity: "sha512-AA==" };
          }),
      ],
      [
        "the packages cannot be installed",
        () =>
          importsConfig(`${folder}/stale`, { ms: "npm:ms@2.1.3" }, (lock) => {
            lock["specifiers"] = {};
          }),
      ],
    ];
    for (const [message, write] of faults) {
      const config = await write();
      const error = await assertRejects(
        () => installImports({ config, projectRoot, dataDir: `${folder}/data` }),
        ServerConfigError,
      );
      assertEquals(error.setting, "ONTHEFLY_IMPORTS");
      assertStringIncludes(error.message, message);
    }
  });
});

/** A config that wants another version of what the server itself uses. */
async function writeTaken(folder: string): Promise<string> {
  const config = await importsConfig(`${folder}/taken`, {});
  await Deno.writeTextFile(config, JSON.stringify({ imports: { zod: "npm:zod@3.0.0" } }));
  return config;
}

Deno.test("checkModule() takes a granted package and what is in it, and lists what can be imported", () => {
  const allowed = ["ms", "fflate"];
  const tail = "\nexport default 1;";
  checkModule(`import "fflate/browser";${tail}`, "module.ts", { allowed });
  for (const name of ["fflate2", "lodash", "npm:ms"]) {
    assertThrows(
      () => checkModule(`import "${name}";${tail}`, "module.ts", { allowed }),
      UnprocessableError,
      "what can: onthefly, @tensorflow/tfjs, ms, fflate",
    );
  }
});
