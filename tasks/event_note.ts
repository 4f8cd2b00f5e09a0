import { z } from "zod";
import type { StreamEvent } from "./event_stream.ts";
import type { Style } from "./style.ts";

const step = z.number();
const notes: Record<string, (data: unknown, style: Style) => string | null> = {
  log: (data, style) => {
    const { level, message } = z.looseObject({ level: z.string(), message: z.string() }).parse(
      data,
    );
    if (level === "debug") return null;
    return level === "error" ? style.red(message) : style.dim(message);
  },
  error: (data, style) => {
    const { message, stack } = z.looseObject({
      message: z.string(),
      stack: z.string().nullable(),
    }).parse(data);
    return style.red(stack ?? message);
  },
  paused: (data) => {
    const { reason, ...at } = z.looseObject({ step, reason: z.string() }).parse(data);
    const whys: Record<string, string> = {
      non_finite: ": the loss is not finite",
      test: ", after the test; resume completes it, or goes on with a larger budget",
    };
    return `paused at step ${at.step}${whys[reason] ?? ""}`;
  },
  session_reset: () => "begins anew",
  resumed: (data) => `resumed at step ${z.looseObject({ step }).parse(data).step}`,
  recovered: (data) => {
    const at = z.looseObject({ step, attempt: z.number() }).parse(data);
    return `recovered at step ${at.step} (attempt ${at.attempt})`;
  },
  hparams_changed: (data) => {
    const { lr, changed, ...at } = z.looseObject({
      step,
      lr: z.number(),
      changed: z.record(z.string(), z.object({ from: z.unknown(), to: z.unknown() })).default({}),
    }).parse(data);
    const told = Object.entries(changed).map(([name, { from, to }]) =>
      `${name} ${JSON.stringify(from)} → ${JSON.stringify(to)}`
    );
    return `${told.join(", ") || `learning rate ${lr}`} from step ${at.step}`;
  },
  test_complete: testNote,
  auto_test_complete: testNote,
  state_changed: (data, style) => {
    const { to, reason } = z.looseObject({ to: z.string(), reason: z.string().nullable() })
      .parse(data);
    const why = reason === null ? "" : `: ${reason}`;
    if (to === "failed") return style.red(`failed${why}`);
    return ["completed", "stopped", "parked"].includes(to) ? style.green(`${to}${why}`) : null;
  },
};

/** A line for the person who follows a job, or null where an event says nothing to them. */
export function eventNote(event: StreamEvent, style: Style): string | null {
  return notes[event.type]?.(JSON.parse(event.data), style) ?? null;
}

function testNote(data: unknown): string {
  const test = z.looseObject({
    split: z.string(),
    samples: z.number(),
    loss: z.number().nullable(),
    accuracy: z.number().nullable(),
  }).parse(data);
  const figures = [
    test.loss === null ? null : `loss ${test.loss.toFixed(4)}`,
    test.accuracy === null ? null : `accuracy ${(test.accuracy * 100).toFixed(2)}%`,
  ].filter((figure) => figure !== null);
  return `${test.split}: ${figures.join(", ")} on ${test.samples} samples`;
}
