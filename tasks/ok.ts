/** `deno task ok`: proves the tree. Every step runs, and the end says which failed. */
import { fromFileUrl, join } from "@std/path";
import { runDeno } from "./run_command.ts";

const root: string = fromFileUrl(new URL("..", import.meta.url));
const browser: string = join(root, "tests", "browser");

/** Something that has to hold, and the commands that prove it. */
interface Step {
  name: string;
  commands: { args: string[]; cwd: string }[];
}

const here = (...args: string[]) => ({ args, cwd: root });

/** What is checked with the packages that all share: the browser's tests have packages of their own. */
const checked: readonly string[] = [
  "main.ts",
  ...["bench", "examples", "jobs", "routes", "runtime", "static", "tasks"],
  ...[...Deno.readDirSync(join(root, "tests"))]
    .filter(({ name, isDirectory }) => isDirectory && name !== "browser")
    .map(({ name }) => `tests/${name}`),
];

const steps: readonly Step[] = [
  { name: "format", commands: [here("fmt", "--check")] },
  { name: "lint", commands: [here("lint")] },
  {
    name: "types",
    commands: [
      here("check", "--quiet", ...checked),
      { args: ["check", "--quiet", "."], cwd: browser },
    ],
  },
  {
    name: "documentation",
    commands: [
      // Examples in docstrings and fenced blocks in Markdown compile.
      here("check", "--quiet", "--doc-only", ...checked, ...documents("."), ...documents("docs")),
      here("test", "-A", "--quiet", "tests/contracts/docs_links_test.ts"),
    ],
  },
  { name: "tests", commands: [here("run", "-A", "tasks/test.ts")] },
];

/** Markdown files of a folder; `deno check` takes them only by name. */
function documents(folder: string): string[] {
  return [...Deno.readDirSync(join(root, folder))]
    .filter(({ name }) => name.endsWith(".md"))
    .map(({ name }) => `${folder}/${name}`);
}

/** Runs a step's commands in order. @returns whether all of them went well. */
async function proves(step: Step): Promise<boolean> {
  for (const { args, cwd } of step.commands) {
    const { code } = await runDeno(args, { cwd });
    if (code !== 0) return false;
  }
  return true;
}

/** Which steps to run: those that were named, or all. */
function chosen(names: readonly string[]): readonly Step[] {
  const unknown = names.find((name) => !steps.some((step) => step.name === name));
  if (unknown !== undefined) {
    console.error(
      `there is no step ${unknown}; known: ${steps.map(({ name }) => name).join(", ")}`,
    );
    Deno.exit(2);
  }
  return names.length === 0 ? steps : steps.filter((step) => names.includes(step.name));
}

if (import.meta.main) {
  const results: { name: string; good: boolean; seconds: number }[] = [];
  for (const step of chosen(Deno.args)) {
    console.log(`── ${step.name}`);
    const began = performance.now();
    const good = await proves(step);
    results.push({ name: step.name, good, seconds: (performance.now() - began) / 1_000 });
  }
  console.log("──");
  for (const { name, good, seconds } of results) {
    console.log(`${good ? "ok    " : "FAILED"}  ${name} (${seconds.toFixed(1)} s)`);
  }
  Deno.exit(results.every(({ good }) => good) ? 0 : 1);
}
