/**
 * `deno task demo`: the whole of OnTheFly on the digits data, from nothing, over the public API.
 * A baseline trains; paused midway, two specialists are forked from it by how hard each sample is;
 * all three train side by side, are merged, and are tested on the same held-out samples.
 */
import { join } from "@std/path";
import { Client } from "./client.ts";
import { Demo, type Outcome } from "./demo_play.ts";
import { describeProblem, ProblemError } from "./problem_error.ts";
import { ProgressDisplay, standardTerminal } from "./progress_display.ts";
import { resultTable } from "./result_table.ts";
import { type ServerProcess, startServer } from "./server_process.ts";

/** What the baseline has to reach on the test split. */
const REQUIRED_ACCURACY = 0.95;

function table(outcomes: readonly Outcome[]): string[] {
  const names = new Map(outcomes.map(({ job }) => [job.id, job.run_name]));
  return resultTable([
    ["job", "parents", "steps", "test loss", "test accuracy"],
    ...outcomes.map(({ job, test }) => [
      job.run_name,
      job.parents.map((parent) => names.get(parent) ?? parent).join(" + ") || "—",
      String(job.step),
      test.loss?.toFixed(4) ?? "—",
      test.accuracy === null ? "—" : `${(test.accuracy * 100).toFixed(2)}%`,
    ]),
  ]);
}

/** Prints the table and where things are. @returns whether the baseline is good enough. */
function report(display: ProgressDisplay, outcomes: readonly Outcome[], dataDir: string): boolean {
  const { style } = display;
  const [head, ...rows] = table(outcomes);
  display.line();
  display.line(style.bold(head!));
  for (const row of rows) display.line(row);
  display.line(style.dim(`all tested on the same ${outcomes[0]?.test.samples} held-out samples`));
  display.line();
  display.line(`Checkpoints: ${join(dataDir, "jobs")}/<job id>/checkpoints`);
  const accuracy = outcomes[0]?.test.accuracy ?? 0;
  if (accuracy >= REQUIRED_ACCURACY) return true;
  display.line(style.red(
    `The baseline reached ${(accuracy * 100).toFixed(2)}%; at least 95% was expected.`,
  ));
  return false;
}

async function main(): Promise<number> {
  const stay = Deno.args.includes("--stay");
  const display = new ProgressDisplay(standardTerminal());
  const dataDir = await Deno.makeTempDir({ prefix: "onthefly-demo-" });
  const leaving = new AbortController();
  const interrupted = Promise.withResolvers<"interrupted">();
  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    Deno.addSignalListener(signal, () => {
      interrupted.resolve("interrupted");
      leaving.abort();
    });
  }
  let server: ServerProcess | null = null;
  let keep = false;
  try {
    server = await startServer({ dataDir });
    display.line(`${display.style.bold("OnTheFly")} is up. Dashboard: ${server.url}`);
    const played = await Promise.race([
      new Demo(new Client(server.url), display, leaving.signal).play(),
      server.ended.then((last) => Promise.reject(new Error(`the server ended:\n${last}`))),
      interrupted.promise,
    ]);
    if (played === "interrupted") return 130;
    keep = true;
    const good = report(display, played, dataDir);
    if (stay) {
      display.line(`Still serving at ${server.url}; Ctrl-C ends it.`);
      await Promise.race([interrupted.promise, server.ended]);
    }
    return good ? 0 : 1;
  } catch (error) {
    if (!(error instanceof ProblemError)) throw error;
    console.error(describeProblem(error.problem));
    return 1;
  } finally {
    await server?.stop();
    if (!keep) await Deno.remove(dataDir, { recursive: true });
  }
}

if (import.meta.main) Deno.exit(await main());
