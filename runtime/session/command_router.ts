import {
  type Applied,
  type Command,
  COMMAND_PAYLOADS,
  type CommandName,
  type CommandPayload,
  type CommandResults,
  type ReplayCommand,
  TRAJECTORY_COMMANDS,
} from "../protocol/commands.ts";
import { clipText } from "../protocol/clip_text.ts";
import { CheckpointError } from "../checkpoints/checkpoint_error.ts";
import { CommandError } from "./command_error.ts";
import { certify } from "./handlers/certify.ts";
import { exportSubset } from "./handlers/export_subset.ts";
import { health } from "./handlers/health.ts";
import { loadCkpt } from "./handlers/load_ckpt.ts";
import { pause } from "./handlers/pause.ts";
import { resetSession } from "./handlers/reset_session.ts";
import { resume } from "./handlers/resume.ts";
import { saveCkpt } from "./handlers/save_ckpt.ts";
import { scan } from "./handlers/scan.ts";
import { setHparams } from "./handlers/set_hparams.ts";
import { stop } from "./handlers/stop.ts";
import { suspects } from "./handlers/suspects.ts";
import { test } from "./handlers/test.ts";
import type { Session } from "./session.ts";

/**
 * Carries out one command. It calls `applied` when nothing can refuse it any more and before it
 * changes anything: that is the moment the log remembers.
 */
export type Handler<C extends CommandName> = (
  session: Session,
  payload: CommandPayload<C>,
  applied: () => void,
) => Promise<Omit<CommandResults[C], keyof Applied>>;

const HANDLERS: { readonly [C in CommandName]: Handler<C> } = {
  pause,
  resume,
  stop,
  save_ckpt: saveCkpt,
  load_ckpt: loadCkpt,
  test,
  set_hparams: setHparams,
  scan,
  suspects,
  export_subset: exportSubset,
  reset_session: resetSession,
  certify,
  dist_health: health("distribution"),
  activations_health: health("activations"),
  numerics_health: health("numerics"),
  determinism_health: health("determinism"),
  throughput_health: health("throughput"),
  gradients_health: health("gradients"),
  memory_health: health("memory"),
};

/** Takes commands off the line at the batch boundary, carries them out, replies to each. */
export class CommandRouter {
  readonly #session: Session;

  constructor(session: Session) {
    this.#session = session;
  }

  /** Carries out every command that has arrived. */
  async drain(): Promise<void> {
    const { channel } = this.#session;
    for (let command = channel.poll(); command !== null; command = channel.poll()) {
      await this.#carryOut(command);
    }
  }

  /** Carries out a command that the log already has: no announcement, no reply. */
  async replay({ command, payload }: ReplayCommand): Promise<void> {
    this.#session.run.enterPhase("command", this.#session.run.axisStep);
    await this.#handle(command, COMMAND_PAYLOADS[command].parse(payload), () => {});
  }

  async #carryOut({ id, cmd, payload }: Command): Promise<void> {
    const { channel, run } = this.#session;
    let at: Applied | null = null;
    let announced = 0;
    const applied = () => {
      at = { applied_at_step: run.step, epoch: run.epoch };
      announced = channel.emit("command_applied", {
        command_id: id,
        command: cmd,
        payload,
        ...at,
      });
    };
    try {
      await this.#session.checkpoints.settled();
      run.enterPhase("command", run.axisStep);
      const result = await this.#handle(cmd, payload, applied);
      if (changesTrajectory(cmd, payload)) await channel.durable(announced);
      channel.reply(id, { ...at ?? {}, ...result });
    } catch (error) {
      const detail = error instanceof Error ? error.message : String(error);
      channel.fail(id, codeOf(error), clipText(detail, 2_000));
    }
  }

  #handle<C extends CommandName>(
    command: C,
    payload: CommandPayload<C>,
    applied: () => void,
  ): ReturnType<Handler<C>> {
    const handler: Handler<C> = HANDLERS[command];
    return handler(this.#session, payload, applied) as ReturnType<Handler<C>>;
  }
}

function codeOf(error: unknown): string {
  if (error instanceof Error && "code" in error && error.code === "ENOSPC") return "no_space";
  if (error instanceof CommandError) return error.code;
  return error instanceof CheckpointError ? "checkpoint_unusable" : "command_failed";
}

/** To go on as before, within the budget there was, is no other way. */
function changesTrajectory(command: CommandName, payload: object): boolean {
  if (command === "resume") return Object.keys(payload).length > 0;
  return (TRAJECTORY_COMMANDS as readonly CommandName[]).includes(command);
}
