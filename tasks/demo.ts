/**
 * `deno task demo`: the whole of OnTheFly on the digits data, from nothing, over the public API.
 * A baseline trains; paused midway, two specialists are forked from it by how hard each sample is;
 * all three train side by side, are merged, and are tested on the same held-out samples.
 */
import { fromFileUrl, join } from "@std/path";
import { Client, type Job } from "./client.ts";
import { JobsWatch } from "./jobs_watch.ts";
import { describeProblem, ProblemError } from "./problem_error.ts";
import { ProgressDisplay, standardTerminal } from "./progress_display.ts";
import { resultTable } from "./result_table.ts";
import { type ServerProcess, startServer } from "./server_process.ts";
import { submissionForm } from "./submission_form.ts";

/** The baseline is paused and forked once it has done this share of its steps. */
const FORK_AT = 0.4;
/** Epochs that a specialist trains on its share of the samples. */
const SPECIALIST_EPOCHS = 40;
/** What the baseline has to reach on the test split. */
const REQUIRED_ACCURACY = 0.95;

const example = (name: string): string =>
  fromFileUrl(new URL(`../examples/${name}`, import.meta.url));

/** One row of the table at the end. */
interface Outcome {
  job: Job;
  test: { loss: number | null; accuracy: number | null; samples: number };
}

/** Plays the demo on a server that is up. */
class Demo {
  readonly #client: Client;
  readonly #display: ProgressDisplay;

  constructor(client: Client, display: ProgressDisplay) {
    this.#client = client;
    this.#display = display;
  }

  async play(): Promise<Outcome[]> {
    const client = this.#client;
    const baseline = await client.submit(
      await submissionForm({
        module: example("digits.ts"),
        files: [example("data/digits.csv.gz")],
        config: {},
      }),
    );
    this.#say(`Posted examples/digits.ts: ${baseline.id}, ${client.pageOf(baseline.id)}`);
    const watch = new JobsWatch({
      client,
      display: this.#display,
      path: `/sessions/${baseline.session}/events`,
      after: String(baseline.seq),
    });
    try {
      watch.add(baseline);
      const specialists = await this.#forkMidway(watch, baseline);
      const trained = [baseline, ...specialists];
      for (const job of trained) await this.#mustEnd(watch, job);
      const merged = await this.#merge(watch, trained);
      await watch.close();
      return await this.#test([...trained, merged]);
    } finally {
      await watch.close();
    }
  }

  /** Pauses the baseline, forks it on its hardest samples and on the rest, and lets all go on. */
  async #forkMidway(watch: JobsWatch, baseline: Job): Promise<Job[]> {
    await watch.until(
      baseline.id,
      ({ step, steps, state }) => state === "failed" || (steps !== null && step >= FORK_AT * steps),
    );
    const receipt = await this.#client.control(baseline.id, "pause");
    this.#say(
      `Paused ${baseline.run_name} at step ${receipt.applied_at_step}: ` +
        "forking one specialist for the hardest 20% of its samples, one for the rest",
    );
    const specialists: Job[] = [];
    for (const [run_name, from, to] of [["hardest", 0.8, 1], ["rest", 0, 0.8]] as const) {
      const specialist = await this.#client.fork(baseline.id, {
        selection: { kind: "quantile", from, to },
        run_name,
        config: { max_epochs: SPECIALIST_EPOCHS, test_after: false },
      });
      watch.add(specialist);
      specialists.push(specialist);
    }
    await this.#client.control(baseline.id, "resume");
    this.#say(`Resumed ${baseline.run_name}: all three train side by side`);
    return specialists;
  }

  /** Averages the three, each by how many samples it learned from, and waits for the weights. */
  async #merge(watch: JobsWatch, parents: readonly Job[]): Promise<Job> {
    const samples = await Promise.all(parents.map(async ({ id }) => {
      const { selected, dataset } = await this.#client.job(id);
      return selected ?? dataset?.train ?? 1;
    }));
    const [first, ...others] = parents;
    const merged = await this.#client.merge(first!.id, {
      with: others.map((job) => job.id),
      strategy: "weighted",
      params: { weights: samples },
      run_name: "merged",
    });
    this.#say(`Merging all three, weighted by their samples (${samples.join(", ")})`);
    watch.add(merged);
    await watch.until(merged.id, ({ state }) => state === "parked" || state === "failed");
    return merged;
  }

  async #test(jobs: readonly Job[]): Promise<Outcome[]> {
    const outcomes: Outcome[] = [];
    for (const { id } of jobs) {
      const test = await this.#client.test(id, { split: "test", label: "demo" });
      outcomes.push({ job: await this.#client.job(id), test });
    }
    return outcomes;
  }

  async #mustEnd(watch: JobsWatch, job: Job): Promise<void> {
    if (await watch.ended(job.id)) return;
    const { error } = await this.#client.job(job.id);
    throw new Error(`${job.run_name} failed: ${error?.stack ?? error?.message}`);
  }

  #say(text: string): void {
    this.#display.line(`${this.#display.style.cyan("▸")} ${text}`);
  }
}

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
  const interrupted = Promise.withResolvers<"interrupted">();
  Deno.addSignalListener("SIGINT", () => interrupted.resolve("interrupted"));
  Deno.addSignalListener("SIGTERM", () => interrupted.resolve("interrupted"));
  let server: ServerProcess | null = null;
  let keep = false;
  try {
    server = await startServer({ dataDir });
    display.line(`${display.style.bold("OnTheFly")} is up. Dashboard: ${server.url}`);
    const played = await Promise.race([
      new Demo(new Client(server.url), display).play(),
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
