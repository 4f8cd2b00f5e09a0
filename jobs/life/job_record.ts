import type { Logger } from "@logtape/logtape";
import { clipText } from "../../runtime/protocol/clip_text.ts";
import type { EventType, ServerEvents, TrainerEvents } from "../../runtime/protocol/events.ts";
import { JobError, StateConflictError } from "../errors.ts";
import type { EventLog, LoggedEvent } from "../events/event_log.ts";
import { ALLOWED, canTransition, type CheckpointRecord } from "../job.ts";
import type { JobManifest, JobState } from "../job.ts";
import { foldEvent } from "./job_projection.ts";
import type { JobStore } from "../storage/job_store.ts";
import type { Cancel, Timers } from "./timers.ts";
import type { ReceivedEvent } from "../workers/trainer_link.ts";

/** What a {@linkcode JobRecord} writes to. */
export interface RecordDeps {
  log: EventLog;
  store: JobStore;
  clock: () => number;
  timers: Timers;
  logger: Logger;
}

/** Writes to KV what is durable in the log. */
export type WriteOperation = (store: JobStore) => Promise<void>;

/** Where the job heads for after a state change, and what ended it. */
export interface TransitionFacts {
  goal?: JobManifest["goal"];
  error?: NonNullable<JobManifest["error"]>;
}

/** Steps come in thousands; their figures reach KV once in this many ms. */
const STEP_WRITE_MS = 1_000;
const RETRY_MS = 1_000;
/** Characters of an error's message, and of its stack, that a manifest keeps: KV's values are small. */
const ERROR_TEXT = 8_000;

/**
 * A job's facts: its manifest and its checkpoints, in memory as the log has them. Every change is
 * an event, appended and folded here; KV follows behind the log, in order, and is never ahead of it.
 */
export class JobRecord {
  #manifest: JobManifest;
  readonly checkpoints: Map<number, CheckpointRecord>;
  /** The job is deleted: what was asked of it before comes too late. */
  removed = false;
  readonly #deps: RecordDeps;
  #writes: Promise<void> = Promise.resolve();
  #putPlanned = false;
  /** Up to which event KV has the manifest, or is about to. */
  #putSeq: number;
  /** A put that has not begun and has no other write behind it: it may take later events along. */
  #lastPut: { manifest: JobManifest; operation: WriteOperation } | null = null;
  #stepWrite: Cancel | null = null;
  #abandoned = false;

  constructor(deps: RecordDeps, manifest: JobManifest, checkpoints: CheckpointRecord[]) {
    this.#deps = deps;
    this.#manifest = manifest;
    this.#putSeq = manifest.seq;
    this.checkpoints = new Map(checkpoints.map((record) => [record.checkpoint, record]));
  }

  get manifest(): JobManifest {
    return this.#manifest;
  }

  get state(): JobState {
    return this.#manifest.state;
  }

  /** Appends an event of the server's own. */
  append<T extends EventType>(
    type: T,
    fields: (TrainerEvents & ServerEvents)[T],
    at: { take?: number; step?: number } = {},
  ): LoggedEvent {
    const { id: job, session } = this.#manifest;
    const { take = this.#manifest.take, step = this.#manifest.step } = at;
    const data = { ...fields, type, job, session, take, ts: this.#deps.clock() };
    // That a pause is under way is told with what comes of it, at the latest milliseconds later.
    const urgent = !("to" in data && data.to === "pausing");
    return this.#append(type, take, step, JSON.stringify(data), data, urgent);
  }

  /** Appends an event of the job's trainer, stamped with what only the server knows. */
  appendReceived({ event, json }: ReceivedEvent, take: number, step: number): LoggedEvent {
    const { id: job, session } = this.#manifest;
    // The stamp comes last: of two equal keys JSON.parse keeps the last one.
    const open = json.slice(0, json.lastIndexOf("}"));
    const data = `${open},"job":"${job}","session":"${session}","take":${take}}`;
    return this.#append(event.type, take, step, data, event, event.type !== "trainStep");
  }

  /**
   * Goes to another state.
   * @throws {StateConflictError} when the table of transitions does not have it.
   */
  transition(to: JobState, reason: string | null, facts: TransitionFacts = {}): void {
    const { id, state: from, run_name } = this.#manifest;
    if (!canTransition(from, to)) {
      throw new StateConflictError(id, from, ALLOWED[from], `a ${from} job cannot become ${to}`);
    }
    const error = facts.error && boundedError(facts.error);
    this.append("state_changed", { from, to, reason, ...facts, ...(error && { error }) });
    if (to === "completed" || to === "stopped" || to === "failed") {
      this.append("finalizeRun", { run_name, state: to });
    }
  }

  /** Remembers a checkpoint, or what changed about it. */
  putCheckpoint(record: CheckpointRecord): Promise<void> {
    this.checkpoints.set(record.checkpoint, record);
    return this.write((store) => store.putCheckpoint(record));
  }

  /** Forgets checkpoints: their records first, so that no record ever lacks its file. */
  dropCheckpoints(
    records: CheckpointRecord[],
    remove: (record: CheckpointRecord) => Promise<void>,
  ): void {
    for (const record of records) this.checkpoints.delete(record.checkpoint);
    if (records.length === 0) return;
    this.write(async (store) => {
      for (const record of records) {
        await store.deleteCheckpoint(record.job, record.checkpoint);
        await remove(record);
      }
    });
  }

  /** Writes to KV once the log is durable, after every write before it; tries again until it can. */
  write(operation: WriteOperation): Promise<void> {
    this.#lastPut = null;
    this.#writes = this.#writes.then(() => this.#perform(operation));
    return this.#writes;
  }

  /** Resolves when the log and KV have everything up to now. */
  async settled(): Promise<void> {
    if (this.#manifest.seq > this.#putSeq) this.#put();
    await this.#writes;
  }

  /** Stops writing: the job is deleted, or the server ends. */
  abandon(): void {
    this.#abandoned = true;
    this.#cancelStepWrite();
  }

  #append(
    type: string,
    take: number,
    step: number,
    data: string,
    fields: unknown,
    urgent: boolean,
  ): LoggedEvent {
    const { id: job, session } = this.#manifest;
    const event = { job, session, type, take, step, data };
    const logged = { ...event, seq: this.#deps.log.append(event, urgent) };
    this.#manifest = foldEvent(this.#manifest, logged, fields);
    if (type === "trainStep") {
      this.#stepWrite ??= this.#deps.timers.after(STEP_WRITE_MS, () => this.#put());
    } else {
      this.#putSoon();
    }
    return logged;
  }

  /** Puts the manifest as it will be when this turn's events have had their writes queued. */
  #putSoon(): void {
    if (this.#putPlanned) return;
    this.#putPlanned = true;
    queueMicrotask(() => this.#put());
  }

  /**
   * Puts the manifest behind every write so far: were it to overtake the record of a checkpoint,
   * a server that starts anew would take the checkpoint's event for done.
   */
  #put(): void {
    this.#putPlanned = false;
    this.#cancelStepWrite();
    this.#putSeq = this.#manifest.seq;
    if (this.#lastPut !== null) {
      this.#lastPut.manifest = this.#manifest;
      return;
    }
    const put = {
      manifest: this.#manifest,
      operation: (store: JobStore) => store.put(put.manifest),
    };
    this.write(put.operation);
    this.#lastPut = put;
  }

  async #perform(operation: WriteOperation): Promise<void> {
    const { log, store, logger, timers } = this.#deps;
    if (this.#lastPut?.operation === operation) this.#lastPut = null;
    while (!this.#abandoned) {
      try {
        await log.durable();
        return await operation(store);
      } catch (error) {
        if (this.#abandoned) return;
        logger.error("job {job}: cannot write: {error}", { job: this.#manifest.id, error });
        // The store refuses it for good: another try would only stand in the way of later ones.
        if (error instanceof JobError) return;
        await new Promise<void>((resolve) => timers.after(RETRY_MS, resolve));
      }
    }
  }

  #cancelStepWrite(): void {
    this.#stepWrite?.();
    this.#stepWrite = null;
  }
}

/** A worker says what it likes, at any length; a manifest that KV refuses would be lost. */
function boundedError({ message, stack, phase, cause }: NonNullable<JobManifest["error"]>) {
  return {
    message: clipText(`${message}`, ERROR_TEXT),
    stack: stack === null ? null : clipText(`${stack}`, ERROR_TEXT),
    phase: clipText(`${phase}`, 100),
    cause,
  };
}
