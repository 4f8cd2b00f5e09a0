/**
 * `deno task test [PATH or option of deno test]...`: every test, the browser's in their own folder
 * with the packages that only they need. The last line is `N passed, N failed`.
 */
import { fromFileUrl, join, relative, resolve } from "@std/path";
import { runDeno } from "./run_command.ts";
import { formatTestCounts, readTestCounts, type TestCounts } from "./test_counts.ts";

const root: string = fromFileUrl(new URL("..", import.meta.url));
const browser: string = join(root, "tests", "browser");

/** Where `deno test` runs, and with what. */
interface Suite {
  cwd: string;
  args: string[];
}

/** Paths go to the suite they lie in; a suite that got none of several is left out. */
async function suitesFor(args: readonly string[]): Promise<Suite[]> {
  const options: string[] = [];
  const paths: string[] = [];
  for (const arg of args) (await exists(resolve(arg)) ? paths : options).push(arg);
  const inBrowser = paths.filter((path) => resolve(path).startsWith(browser));
  const inRoot = paths.filter((path) => !inBrowser.includes(path));
  return [
    { cwd: root, paths: inRoot.map((path) => resolve(path)) },
    { cwd: browser, paths: inBrowser.map((path) => relative(browser, resolve(path)) || ".") },
  ].filter((suite) => paths.length === 0 || suite.paths.length > 0)
    .map((suite) => ({ cwd: suite.cwd, args: ["test", "-A", ...options, ...suite.paths] }));
}

async function exists(path: string): Promise<boolean> {
  try {
    await Deno.stat(path);
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}

async function runSuites(suites: readonly Suite[]): Promise<TestCounts> {
  const total: TestCounts = { passed: 0, failed: 0, skipped: 0 };
  for (const { cwd, args } of suites) {
    const { output, code } = await runDeno(args, { cwd });
    const counts = readTestCounts(output, code);
    total.passed += counts.passed;
    total.failed += counts.failed;
    total.skipped += counts.skipped;
  }
  return total;
}

if (import.meta.main) {
  const total = await runSuites(await suitesFor(Deno.args));
  console.log(formatTestCounts(total));
  Deno.exit(total.failed === 0 ? 0 : 1);
}
