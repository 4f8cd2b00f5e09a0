import type { JobDefinition } from "../job_definition.ts";
import type { Hello } from "../protocol/attachment.ts";
import { createChannel, type TrainerChannel } from "../protocol/channel.ts";
import { CAPABILITIES, type LaunchContext } from "../protocol/commands.ts";
import { PROTOCOL_VERSION, type TrainerEvents, type TrainerEventType } from "../protocol/events.ts";
import { Backlog } from "./backlog.ts";
import { CheckpointFolder } from "./checkpoint_folder.ts";
import { Progress, stderrOutput } from "./progress.ts";
import { tappedChannel } from "./script_channel.ts";
import { mainSource, ScriptFiles, sourceOf } from "./script_source.ts";
import { TcpTransport } from "./tcp_transport.ts";
import { serverAddress, type TrainerOptions } from "./trainer_options.ts";

const MEMORY = 8 * 2 ** 20;
const DISK = 2 ** 30;
const LINGER_MS = 30_000;

/** One fit: its identity, its folder, its line to a server that may come and go. */
export class ScriptRun {
  readonly channel: TrainerChannel;
  readonly files: ScriptFiles;
  readonly context: LaunchContext;
  checkpoints: CheckpointFolder;
  /** The job that a server made of it; null before. */
  job: string | null = null;
  readonly #options: TrainerOptions;
  readonly #progress: Progress | null;
  readonly #transport: TcpTransport | null;
  readonly #backlog: Backlog;
  readonly #claim = `${crypto.randomUUID()}${crypto.randomUUID()}`;
  readonly #token: string | undefined;
  #module: Hello["module"] = null;
  #script: Hello["script"] = null;

  constructor(options: TrainerOptions, definition: JobDefinition, sessionId: string) {
    this.#options = options;
    const threads = options.threads ?? navigator.hardwareConcurrency;
    const project = options.project ?? definition.project ?? "default";
    const runName = options.runName ?? definition.runName ?? "run";
    const id = crypto.randomUUID().slice(0, 8);
    const folder = `${options.saveDir ?? "onthefly-runs"}/${fileName(runName)}-${id}`;
    this.files = new ScriptFiles(options.files ?? ".");
    this.context = contextOf({ runId: `run-${id}`, sessionId, project, runName, folder, threads });
    this.checkpoints = this.#folder(1);
    this.#progress = options.progress === false ? null : new Progress(stderrOutput(), runName);
    const { memory = MEMORY, disk = DISK } = options.backlog ?? {};
    this.#backlog = new Backlog(`${folder}/backlog`, { memory, disk });
    const address = serverAddress(options);
    this.#token = address?.token;
    this.#transport = address && this.#dialler(address);
    const line = this.#transport && createChannel(this.#transport, this.context);
    this.channel = tappedChannel(line, (type, fields) => this.#see(type, fields));
  }

  /** Makes the folder, and looks for a server from now on. */
  async begin(keep: number): Promise<void> {
    this.checkpoints = this.#folder(keep);
    try {
      await Deno.mkdir(this.checkpoints.folder, { recursive: true });
    } catch (error) {
      this.#say(`no checkpoints: ${error instanceof Error ? error.message : error}`);
    }
    const { module } = this.#options;
    this.#module = module === undefined ? null : await sourceOf(module);
    if (module !== undefined && this.#module === null) this.#say(`cannot read module ${module}`);
    this.#script = await mainSource();
    this.#transport?.start();
  }

  /** Has a server that was there take the rest. */
  async end(): Promise<void> {
    this.channel.flush();
    const transport = this.#transport;
    if (transport === null || transport.settled) return;
    const { lingerMs = LINGER_MS } = this.#options;
    if (this.job !== null && !transport.linked) {
      this.#say("waits for the server, which has yet to take the rest");
    }
    await transport.settle(lingerMs);
    if (this.job !== null && !transport.settled) {
      this.#say("the server did not come back: it lacks the last events");
    }
  }

  /** Hangs up and dials no more. */
  async hangUp(): Promise<void> {
    await this.#transport?.close();
  }

  /** Hangs up and leaves nothing behind but checkpoints. */
  async close(): Promise<void> {
    await this.hangUp();
    this.#progress?.end();
  }

  #folder(keep: number): CheckpointFolder {
    return new CheckpointFolder(this.context.checkpoint_dir, keep, (why) => this.#say(why));
  }

  #dialler({ hostname, port }: { hostname: string; port: number }): TcpTransport {
    return new TcpTransport({
      hostname,
      port,
      backlog: this.#backlog,
      hello: () => this.#hello(),
      onAttached: ({ job, url, checkpoint_dir }) => {
        if (this.job === null) this.#say(`attached: ${url ?? job}`);
        this.job = job;
        this.checkpoints.attach(checkpoint_dir);
      },
      onDetached: () => this.checkpoints.detach(),
      onTrouble: (message) => this.#say(message),
    });
  }

  #hello(): Hello {
    const { run_id, run_gen, session_id, project, run_name, threads } = this.context;
    const files = this.#module === null ? [] : this.files.encoded();
    return {
      type: "hello",
      protocol: PROTOCOL_VERSION,
      ...(this.#token === undefined ? {} : { token: this.#token }),
      claim: this.#claim,
      run_id,
      run_gen,
      session_id,
      project,
      run_name,
      capabilities: [...CAPABILITIES],
      script: this.#script,
      module: files === null ? null : this.#module,
      files: files ?? [],
      oldest: this.#backlog.oldest,
      threads,
      version: `deno ${Deno.version.deno}`,
    };
  }

  #see<T extends TrainerEventType>(type: T, fields: TrainerEvents[T]): void {
    if (type === "checkpoint_saved") {
      this.checkpoints.saved(fields as TrainerEvents["checkpoint_saved"]);
    }
    this.#progress?.see(type, fields);
  }

  #say(line: string): void {
    this.#progress?.say(line);
  }
}

interface RunFacts {
  runId: string;
  sessionId: string;
  project: string;
  runName: string;
  folder: string;
  threads: number;
}

/** A session's surroundings, where no server has launched it. */
function contextOf(
  { runId, sessionId, project, runName, folder, threads }: RunFacts,
): LaunchContext {
  return {
    token: "a line of its own",
    run_id: runId,
    run_gen: 1,
    session_id: sessionId,
    project,
    run_name: runName,
    module: { path: "", sha256: "" },
    files: [],
    config: {},
    membership_seed: null,
    dataset_hash: null,
    backend: "auto",
    threads,
    checkpoint_dir: folder,
    next_checkpoint: 1,
    start: { from: "scratch" },
    origin_step: 0,
    replay: { until_step: 0, commands: [] },
    goal: "running",
  };
}

function fileName(runName: string): string {
  return runName.replace(/[^\p{L}\p{N}._-]/gu, "_") || "run";
}
