/**
 * The original's trainers, unmodified: Python, no hello, no acknowledgements, looser events. What
 * they say is put into our words here, as far as it can be; what cannot be is left out.
 */
import type { Hello } from "../../runtime/protocol/attachment.ts";
import { PROTOCOL_VERSION, type TrainerEventType } from "../../runtime/protocol/events.ts";

type Fields = Record<string, unknown>;

/** What such a trainer can be asked. */
const CAPABILITIES = ["pause", "resume", "stop", "test", "save_ckpt"];

/** The hello that it would have said; null when the line is no event of such a trainer's. */
export function originalHello(first: unknown): Hello | null {
  const { type, session_id, run_id } = (first ?? {}) as Fields;
  if (typeof type !== "string" || typeof session_id !== "string" || session_id === "") return null;
  const run = typeof run_id === "string" && run_id !== "" ? run_id.slice(0, 100) : "run";
  return {
    type: "hello",
    protocol: PROTOCOL_VERSION,
    // It has no secret: whoever names session and run is taken for it.
    claim: `original trainer ${session_id} ${run}`.slice(0, 200),
    run_id: run,
    run_gen: 1,
    session_id: session_id.slice(0, 200),
    project: "default",
    run_name: run,
    capabilities: CAPABILITIES,
    script: null,
    module: null,
    files: [],
    oldest: 1,
    threads: 1,
    version: "original trainer",
  };
}

/** Puts the lines of one such trainer into our words. */
export class OriginalTrainer {
  readonly #hello: Hello;
  #events = 0;
  #step = 0;
  #epoch = 0;

  constructor(hello: Hello) {
    this.#hello = hello;
  }

  /** The line as ours would have said it; null for one that means nothing here. */
  translate(line: string): string | null {
    let message: Fields;
    try {
      message = JSON.parse(line) as Fields;
    } catch {
      // The link says what it thinks of such a line.
      return line;
    }
    if (typeof message !== "object" || message === null) return line;
    if (typeof message["id"] === "string" && "ok" in message) return this.#reply(message);
    const translate = TRANSLATIONS[message["type"] as TrainerEventType];
    const { run_id, run_gen, session_id } = this.#hello;
    const number = message["event_seq"];
    this.#events++;
    if (translate === undefined || (message["run_id"] ?? run_id) !== run_id) return null;
    this.#step = whole(message["step"]) ?? this.#step;
    this.#epoch = whole(message["epoch"]) ?? this.#epoch;
    const event = translate(message, { step: this.#step, epoch: this.#epoch });
    const event_seq = whole(number) ?? this.#events;
    const ts = typeof message["ts"] === "number" ? inMs(message["ts"]) : Date.now();
    return JSON.stringify({ ...event, run_id, run_gen, session_id, event_seq, ts });
  }

  #reply(message: Fields): string {
    const data = { applied_at_step: this.#step, epoch: this.#epoch, ...message["data"] as Fields };
    return JSON.stringify({ ...message, data });
  }
}

type Place = { step: number; epoch: number };
type Translate = (fields: Fields, at: Place) => Fields & { type: TrainerEventType };

const TRANSLATIONS: { readonly [T in TrainerEventType]?: Translate } = {
  session_started: ({ device }, at) => ({
    type: "session_started",
    capabilities: CAPABILITIES,
    protocol: 0,
    backend: { name: text(device) ?? "its own", reason: "an original trainer" },
    determinism: "none",
    config: {},
    dataset: { hash: "", train: 0, val: 0, test: 0 },
    selected: null,
    model: { parameters: 0, weights: 0 },
    ...at,
    axis_step: at.step,
    steps_per_epoch: 0,
    runtime: {},
  }),
  trainStep: (fields, at) => ({
    ...Object.fromEntries(Object.entries(fields).filter(([, value]) => typeof value === "number")),
    type: "trainStep",
    ...at,
    axis_step: at.step,
    loss: figure(fields["loss"]),
    accuracy: figure(fields["accuracy"]),
    val_loss: figure(fields["val_loss"]),
  }),
  epoch_end: ({ loss, accuracy }, at) => ({
    type: "epoch_end",
    ...at,
    loss: figure(loss),
    accuracy: figure(accuracy),
  }),
  test_complete: tested("test_complete"),
  auto_test_complete: tested("auto_test_complete"),
  paused: (_, at) => ({ type: "paused", ...at, reason: "command", checkpoint: null }),
  resumed: (_, at) => ({ type: "resumed", ...at }),
  stopping: (_, at) => ({ type: "stopping", ...at }),
  log: (fields) => ({
    type: "log",
    level: "info",
    message: text(fields["message"] ?? fields["text"]) ?? "",
    source: "trainer",
  }),
  error: (fields, { step }) => ({
    type: "error",
    message: text(fields["message"] ?? fields["error"]) ?? "an error",
    stack: null,
    fatal: false,
    phase: "train",
    step,
  }),
  // Its checkpoints are Python's, which nothing here could start from.
  checkpoint_saved: ({ path }) => ({
    type: "artifact_created",
    name: text(path) ?? "checkpoint",
    bytes: 0,
  }),
  trainingFinished: ({ reason }, at) => ({
    type: "trainingFinished",
    ...at,
    reason: reason === "stopped" ? "stopped" : "max_epochs",
  }),
};

function tested(type: "test_complete" | "auto_test_complete"): Translate {
  return (fields, at) => ({
    type,
    ...at,
    split: "test",
    label: text(fields["label"]),
    samples: 0,
    loss: figure(fields["loss"] ?? fields["avg_loss"]),
    accuracy: figure(fields["accuracy"]),
    metrics: {},
    checkpoint: null,
  });
}

function whole(value: unknown): number | null {
  return typeof value === "number" && value >= 0 && Number.isFinite(value)
    ? Math.floor(value)
    : null;
}

function figure(value: unknown): number | null {
  return typeof value === "number" && Number.isFinite(value) ? value : null;
}

function text(value: unknown): string | null {
  return typeof value === "string" ? value.slice(0, 10_000) : null;
}

/** Python counts seconds. */
function inMs(ts: number): number {
  return ts < 1e11 ? Math.round(ts * 1_000) : ts;
}
