/** `deno task submit`: posts a job module to a running server and, if asked, follows it. */
import { Client, type Job } from "./client.ts";
import { eventNote } from "./event_note.ts";
import { JobsWatch } from "./jobs_watch.ts";
import { describeProblem, ProblemError, UnreachableError } from "./problem_error.ts";
import { ProgressDisplay, standardTerminal } from "./progress_display.ts";
import { missingModules, submissionForm, UnreadableFileError } from "./submission_form.ts";
import {
  readSubmitOptions,
  SUBMIT_HELP,
  type SubmitOptions,
  UsageError,
} from "./submit_options.ts";

/** Finds, or posts, the job that the options name. */
async function findOrPost(client: Client, options: SubmitOptions): Promise<Job> {
  if (/^job-[0-9a-z]+$/.test(options.target)) return client.job(options.target);
  const parts = { ...options, module: options.target };
  const missing = await missingModules(parts);
  if (missing.length > 0) {
    console.error(
      `${parts.module} imports ${missing.join(", ")}; a worker loads only what is posted: ` +
        `add ${missing.map((name) => `--file ${name}`).join(" ")}`,
    );
  }
  return client.submit(await submissionForm(parts), options.idempotencyKey);
}

/** Follows a job to its end. @returns whether it ended well. */
async function follow(client: Client, job: Job): Promise<boolean> {
  const display = new ProgressDisplay(standardTerminal());
  const watch = new JobsWatch({
    client,
    display,
    path: `/jobs/${job.id}/events`,
    after: String(job.seq),
    onEvent: (event) => {
      const note = eventNote(event, display.style);
      if (note !== null) display.line(note);
    },
  });
  watch.add(job);
  const interrupted = Promise.withResolvers<"interrupted">();
  const onInterrupt = () => interrupted.resolve("interrupted");
  Deno.addSignalListener("SIGINT", onInterrupt);
  try {
    const end = await Promise.race([watch.ended(job.id), interrupted.promise]);
    await watch.close();
    if (end !== "interrupted") return end;
    display.line(leaveTaking(client, job));
    return true;
  } finally {
    Deno.removeSignalListener("SIGINT", onInterrupt);
  }
}

function leaveTaking(client: Client, job: Job): string {
  const authorization = client.hasToken ? '-H "Authorization: Bearer $ONTHEFLY_TOKEN" ' : "";
  return [
    `${job.run_name} goes on without you.`,
    `  follow it again   deno task submit ${job.id} --follow --server ${client.server}`,
    `  or in a browser   ${client.pageOf(job.id)}`,
    `  stop it           curl -X POST ${authorization}${client.server}/jobs/${job.id}/stop`,
  ].join("\n");
}

function describeFailure(error: unknown, options: SubmitOptions): string | null {
  if (error instanceof UnreachableError || error instanceof UnreadableFileError) {
    return error.message;
  }
  if (!(error instanceof ProblemError)) return null;
  return describeProblem(error.problem, options.target);
}

async function main(): Promise<number> {
  const options = readSubmitOptions(Deno.args, Deno.env.toObject());
  if (options === "help") {
    console.log(SUBMIT_HELP);
    return 0;
  }
  const client = new Client(options.server, options.token);
  try {
    const job = await findOrPost(client, options);
    console.log(`${job.id}  ${job.project}/${job.run_name}  ${client.pageOf(job.id)}`);
    if (!options.follow) return 0;
    return await follow(client, job) ? 0 : 1;
  } catch (error) {
    const description = describeFailure(error, options);
    if (description === null) throw error;
    console.error(description);
    return 1;
  }
}

if (import.meta.main) {
  try {
    Deno.exit(await main());
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    console.error(error.message);
    Deno.exit(2);
  }
}
