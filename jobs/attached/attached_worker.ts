import type { LaunchedWorker, WorkerExit } from "../workers/launcher.ts";
import type { AttachedLink } from "./attached_link.ts";

/** A script's trainer as a job sees its worker. Its process is the person's own: only the line ends. */
export class AttachedWorker implements LaunchedWorker {
  readonly process = null;
  readonly exited: Promise<WorkerExit>;

  constructor(readonly link: AttachedLink) {
    this.exited = link.closed.then(() => ({
      cause: "signal",
      code: null,
      signal: "disconnected",
      stderrTail: "",
    }));
  }

  /** Gives the script `graceMs` to hang up itself, then hangs up. */
  async stop(_cause: WorkerExit["cause"], graceMs: number): Promise<WorkerExit> {
    const timer = setTimeout(this.link.hangUp, graceMs);
    const exit = await this.exited;
    clearTimeout(timer);
    return exit;
  }
}
