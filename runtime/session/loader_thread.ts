/**
 * Entry of a loader thread: loads a job's module once more, builds its data as the training thread
 * has built them, and makes the training batches that it is asked for.
 */
import { chooseBackend } from "../backends/choose.ts";
import type { Dataset } from "../data/dataset.ts";
import { jobFiles } from "../data/job_files.ts";
import {
  faultOf,
  type LoaderAnswer,
  type LoaderRequest,
  type LoaderStart,
} from "../data/loader_messages.ts";
import { buffersOf, packBatch } from "../data/packed_batch.ts";
import { asDataset } from "../data/sample_dataset.ts";
import { withOwnStream } from "../determinism/own_stream.ts";
import { keyedStream, RandomStream } from "../determinism/rng.ts";
import { installSeededRandom } from "../determinism/seeded_math_random.ts";
import type { JobContext } from "../job_definition.ts";
import { checkedDefinition, effectiveConfig, importDefinition } from "./load_job.ts";

/** What this thread has loaded. */
interface LoadedData {
  train: Dataset;
  /** Replaces the config that the module sees. */
  setConfig(config: JobContext["config"]): void;
}

// Bound now: what the module makes of its globals is none of our business.
const post = (self as unknown as Pick<Worker, "postMessage">).postMessage.bind(self);

function say(answer: LoaderAnswer, transfer: Transferable[] = []): void {
  post(answer, transfer);
}

async function load(
  { context, backend }: LoaderStart,
  log: (message: string) => void,
): Promise<LoadedData> {
  await chooseBackend(backend, 1);
  const random = installSeededRandom(keyedStream(0, "setup"));
  const definition = checkedDefinition(await importDefinition(context.module.path));
  let config = effectiveConfig(definition, context.config);
  const seed = context.membership_seed ?? config.seed;
  const ctx: JobContext = {
    seed,
    get config() {
      return config;
    },
    get hparams() {
      return config.hparams;
    },
    log: (...parts) => log(parts.map(String).join(" ")),
    ...jobFiles(context),
  };
  random.rekey(keyedStream(seed, "setup", 0));
  const { train } = await definition.data(ctx);
  return { train: asDataset(train), setConfig: (changed) => void (config = changed) };
}

async function answer(
  { train, setConfig }: LoadedData,
  { id, indices, draw, random, config }: LoaderRequest,
): Promise<void> {
  if (config !== undefined) setConfig(config);
  try {
    const stream = new RandomStream(random);
    const batch = packBatch(await withOwnStream(stream, () => train.batch(indices, draw)));
    if (batch === null) say({ kind: "unpacked", id });
    else say({ kind: "batch", id, batch }, buffersOf(batch));
  } catch (error) {
    say({ kind: "failed", id, fault: faultOf(error) });
  }
}

/** Only the training thread may write to standard output, where the protocol runs. */
function redirectConsole(log: (message: string) => void): void {
  for (const name of ["log", "info", "warn", "error", "debug"] as const) {
    console[name] = (...parts: unknown[]) =>
      log(parts.map((part) => typeof part === "string" ? part : Deno.inspect(part)).join(" "));
  }
}

/** A thread that is silently gone would be waited for. */
function forbidExit(): void {
  const refuse = () => {
    throw new Error("a module cannot end the loader thread that makes its batches");
  };
  Object.defineProperty(Deno, "exit", { value: refuse });
  Object.defineProperty(self, "close", { value: refuse });
}

function serve(): void {
  // While the data are built, the training thread says what there is to say.
  let loaded: Promise<LoadedData> | null = null;
  let tells = false;
  const log = (message: string) => {
    if (tells) say({ kind: "log", message });
  };
  redirectConsole(log);
  forbidExit();
  addEventListener("unhandledrejection", (event) => {
    event.preventDefault();
    say({ kind: "broken", fault: faultOf(event.reason) });
  });
  addEventListener("message", async (event) => {
    const { data } = event as MessageEvent<LoaderStart | LoaderRequest>;
    try {
      if (loaded === null) {
        loaded = load(data as LoaderStart, log);
        const { train } = await loaded;
        tells = true;
        say({ kind: "ready", length: train.length });
      } else {
        await answer(await loaded, data as LoaderRequest);
      }
    } catch (error) {
      say({ kind: "broken", fault: faultOf(error) });
    }
  });
}

serve();
