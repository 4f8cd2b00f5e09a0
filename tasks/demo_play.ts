import { fromFileUrl } from "@std/path";
import type { Client, Job } from "./client.ts";
import { JobsWatch } from "./jobs_watch.ts";
import type { ProgressDisplay } from "./progress_display.ts";
import { submissionForm } from "./submission_form.ts";

/** The baseline is paused and forked once it has done this share of its steps. */
const FORK_AT = 0.4;
/** Epochs that a specialist trains on its share of the samples. */
const SPECIALIST_EPOCHS = 40;
const example = (name: string): string =>
  fromFileUrl(new URL(`../examples/${name}`, import.meta.url));

/** One row of the table at the end. */
export interface Outcome {
  job: Job;
  test: { loss: number | null; accuracy: number | null; samples: number };
}

/** Plays the demo on a server that is up. */
export class Demo {
  readonly #client: Client;
  readonly #display: ProgressDisplay;
  readonly #signal: AbortSignal;

  constructor(client: Client, display: ProgressDisplay, signal: AbortSignal) {
    this.#client = client;
    this.#display = display;
    this.#signal = signal;
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
      signal: this.#signal,
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
    if (watch.progress(merged.id).state === "failed") await this.#throwFailure(merged);
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
    if (!await watch.ended(job.id)) await this.#throwFailure(job);
  }

  async #throwFailure(job: Job): Promise<never> {
    const { error } = await this.#client.job(job.id);
    throw new Error(`${job.run_name} failed: ${error?.stack ?? error?.message}`);
  }

  #say(text: string): void {
    this.#display.line(`${this.#display.style.cyan("▸")} ${text}`);
  }
}
