import { assertEquals, assertThrows } from "@std/assert";
import { UnprocessableError } from "../../jobs/errors.ts";
import { checkModule, type ModuleRules } from "../../jobs/submission/module_syntax.ts";

const TAIL = "\nexport default 1;";

function refused(source: string, rules?: ModuleRules, name = "module.ts") {
  const error = assertThrows(() => checkModule(source, name, rules), UnprocessableError);
  assertEquals(error.field, "module");
  return { message: error.message, ...error.extra };
}

Deno.test("checkModule() takes a job module and finds its project and run name", () => {
  const source = `
    import { defineJob, tensorDataset } from "onthefly";
    import * as tf from "@tensorflow/tfjs";
    enum Size { Small = 3 }
    export default defineJob({
      project: "digits",
      "runName": \`base line\`,
      config: { maxEpochs: 5 },
      model: (): tf.Sequential => tf.sequential({ layers: [] }),
      loss: "meanSquaredError" as const,
      data: async (ctx) => ({ train: tensorDataset(tf.zeros([1]), tf.zeros([Size.Small]))! }),
    } satisfies object);`;
  assertEquals(checkModule(source, "module.ts"), {
    project: "digits",
    runName: "base line",
    backend: null,
  });
});

Deno.test("checkModule() finds names through constants, wrappers and other forms of export", () => {
  const found = { project: "p", runName: "r", backend: null };
  const sources = [
    `const job = defineJob({ project: "p", runName: "r" }); export default job;`,
    `const options = { project: "p", runName: "r" } as const; export default defineJob(options);`,
    `const project = "p"; const runName = "r"; export default defineJob({ project, runName });`,
    `export const job = defineJob({ project: "p", runName: "r" }); export { job as default };`,
    `export default ({ project: "p", runName: "r" } as Job)!;`,
    `const job = defineJob<X>({ project: "p", runName: "r" }); export { job as "default" };`,
  ];
  for (const source of sources) assertEquals(checkModule(source, "module.ts"), found, source);
});

Deno.test("checkModule() answers null for a name that is computed or not there", () => {
  const none = { project: null, runName: null, backend: null };
  const sources = [
    `export default defineJob({ project: name(), runName: \`run\${1}\` });`,
    `export default defineJob(make());`,
    `export default defineJob();`,
    `export default async () => {};`,
    `export default class {}`,
    `const a = b; const b = a; export default a;`,
    `let project = "p"; export default defineJob({ project, ["runName"]: "r", ...rest });`,
    `export { default } from "./x.ts";`,
  ];
  for (const source of sources) {
    assertEquals(checkModule(source, "module.ts", { extraModules: ["x.ts"] }), none, source);
  }
});

Deno.test("checkModule() finds a backend that stands in the module's config", () => {
  const backendOf = (source: string) => checkModule(source, "module.ts").backend;
  assertEquals(backendOf('export default defineJob({ config: { backend: "cpu" } });'), "cpu");
  assertEquals(
    backendOf("const config = { backend: `wasm` } as const; export default defineJob({ config });"),
    "wasm",
  );
  assertEquals(backendOf("export default defineJob({ config: { backend: chosen() } });"), null);
});

Deno.test("checkModule() gives the position of a syntax error, from 1", () => {
  assertEquals(refused("\n\nconst a: number = ("), {
    message: "module.ts:3:20 Unexpected token",
    line: 3,
    column: 20,
  });
  assertEquals(refused("const a = ;", {}, "digits.ts"), {
    message: "digits.ts:1:11 Unexpected token",
    line: 1,
    column: 11,
  });
  const twice = refused("let a = 1;\nlet a = 2;" + TAIL);
  assertEquals([twice.line, twice.column], [2, 5]);
});

Deno.test("checkModule() refuses an empty, an exportless, a huge and a bottomless module", () => {
  for (const source of ["", "  \n\t "]) assertEquals(refused(source).message, "module.ts is empty");
  for (const source of ["const a = 1;", "export const a = 1;", "export type default1 = 1;"]) {
    assertEquals(refused(source).message.includes("no default export"), true);
  }
  assertEquals(refused("//" + "x".repeat(5_000_000)).message.includes("longer than"), true);
  assertEquals(refused("[".repeat(200_000)).message.includes("nested too deeply"), true);
});

Deno.test("checkModule() refuses every way to import what is not granted, with the position", () => {
  const sources = [
    `import x from "npm:left-pad";`,
    `import "https://example.com/x.js";`,
    `import { readFile } from "node:fs";`,
    `import x from "/etc/passwd";`,
    `import x from "file:///etc/passwd";`,
    `import x from "./other.ts";`,
    `import x from "../module.ts";`,
    `import { type X } from "npm:x";`,
    `export * from "npm:x";`,
    `export * as x from "npm:x";`,
    `export { x } from "npm:x";`,
    `const x = await import("npm:x");`,
    "const x = await import(`npm:x`);",
    `const f = () => { class A { m() { return import("node:fs"); } } };`,
  ];
  for (const source of sources) {
    const { message, line } = refused("\n" + source + TAIL);
    assertEquals(line, 2, source);
    assertEquals(message.includes("cannot be imported"), true, message);
    assertEquals(message.includes("onthefly, @tensorflow/tfjs"), true, message);
  }
  const { column } = refused(`import x from "npm:x";` + TAIL);
  assertEquals(column, 15);
});

Deno.test("checkModule() refuses import attributes and imports that nobody can read ahead", () => {
  const attributes = "import attributes are not allowed";
  const sources = {
    [`import x from "./x.ts" with { type: "text" };`]: attributes,
    [`import x from "/etc/passwd" with { type: "text" };`]: attributes,
    [`export { x } from "./x.ts" with { type: "json" };`]: attributes,
    [`await import("./x.ts", { with: { type: "text" } });`]: attributes,
    [`await import("./x" + ".ts");`]: "import() takes a string literal",
    ["await import(`./${x}.ts`);"]: "import() takes a string literal",
    [`import x = require("fs");`]: "import = is not allowed",
  };
  for (const [source, expected] of Object.entries(sources)) {
    const { message } = refused(source + TAIL, { extraModules: ["x.ts"] });
    assertEquals(message.includes(expected), true, message);
  }
});

Deno.test("checkModule() takes posted modules, granted packages and types from anywhere", () => {
  const rules = { extraModules: ["x.ts", "lib/y.ts", "lib/z.ts"], allowed: ["lodash"] };
  const source = `
    import x from "./x.ts";
    import _ from "lodash";
    import type { T } from "npm:whatever";
    export type { U } from "npm:whatever";
    type V = import("npm:whatever").V;
    const y = await import("./lib/y.ts");`;
  checkModule(source + TAIL, "module.ts", rules);
  const beside = { ...rules, main: false };
  checkModule(
    `export * from "./z.ts"; import "../x.ts"; import ".././lib/y.ts";`,
    "lib/y.ts",
    beside,
  );
  const { message } = refused(`import "../../x.ts";`, beside, "lib/y.ts");
  assertEquals(message.includes("cannot be imported"), true);
});

Deno.test("checkModule() throws nothing but UnprocessableError on cut and garbled modules", () => {
  const source = `import { defineJob } from "onthefly";
    /* é 🎈 */ const a = \`x\${[1, { b: /re/g }]}\`;
    export default defineJob({ project: "p", runName: "r", data: async () => ({ ...a }) });`;
  let seed = 11;
  const random = (below: number) => (seed = seed * 16807 % 2147483647) % below;
  for (let round = 0; round < 600; round++) {
    const at = random(source.length);
    const garbled = round % 2
      ? source.slice(0, at)
      : source.slice(0, at) + "\0\"'`{}()<>=>/*\ud800@#"[random(18)] + source.slice(at + random(3));
    try {
      checkModule(garbled, "module.ts");
    } catch (error) {
      if (!(error instanceof UnprocessableError)) throw error;
    }
  }
});
