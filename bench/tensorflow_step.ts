/**
 * An eager training step on TensorFlow's library beside one on wasm, and PyTorch's where Python has
 * it; each on one thread, in processes of their own that take turns. The best of their medians counts:
 * what else the machine does only makes a step slower.
 *
 *   deno run -A bench/tensorflow_step.ts BACKEND MODEL     one process
 */
import { fromFileUrl } from "@std/path";
import {
  findTensorFlow,
  TensorFlowMissingError,
  userTensorFlowDir,
} from "../jobs/workers/tensorflow_library.ts";
import { chooseBackend } from "../runtime/backends/choose.ts";
import type { Figure } from "./figure.ts";
import { medianStep, STEP_MODELS } from "./training_step.ts";

const TORCH = fromFileUrl(new URL("./torch_step.py", import.meta.url));
const ROUNDS = 3;
/** How long a process measures, in ms. */
const MEASURE_MS = 3_000;

const BACKENDS = ["tensorflow", "wasm", "torch"] as const;
type StepBackend = (typeof BACKENDS)[number];

/** Measures each model; without the library there is nothing to report. */
export async function tensorflowStep(note: (text: string) => void): Promise<Figure[]> {
  try {
    await installedLibrary();
  } catch (error) {
    if (!(error instanceof TensorFlowMissingError)) throw error;
    note(error.message);
    return [];
  }
  const figures: Figure[] = [];
  for (const model of Object.keys(STEP_MODELS)) {
    const best: Record<StepBackend, number> = {
      tensorflow: Infinity,
      wasm: Infinity,
      torch: Infinity,
    };
    for (let round = 1; round <= ROUNDS; round++) {
      note(`${model}, round ${round} of ${ROUNDS}`);
      for (const backend of BACKENDS) {
        best[backend] = Math.min(best[backend], await measureAlone(backend, model));
      }
    }
    const others = (["wasm", "torch"] as const).filter((other) => best[other] < Infinity)
      .map((other) => `${other} ${best[other].toFixed(2)}`);
    figures.push({
      name: `tensorflow eager step, ${model}`,
      measured: `${best.tensorflow.toFixed(2)} ms (${others.join(", ")})`,
      target: "reported",
      met: true,
    });
  }
  return figures;
}

async function installedLibrary() {
  const env = (name: string) => Deno.env.get(name);
  return await findTensorFlow(env("ONTHEFLY_TENSORFLOW_DIR") ?? userTensorFlowDir(env));
}

/** Milliseconds of the median step in a process of its own; infinite where there is no such backend. */
async function measureAlone(backend: StepBackend, model: string): Promise<number> {
  const [program, ...args] = backend === "torch"
    ? ["python3", TORCH, model, String(MEASURE_MS)]
    : [Deno.execPath(), "run", "-A", "--quiet", fromFileUrl(import.meta.url), backend, model];
  const { code, stdout } = await new Deno.Command(program!, {
    args,
    env: { TF_CPP_MIN_LOG_LEVEL: "2" },
    stderr: "null",
  }).output();
  return code === 0 ? Number(new TextDecoder().decode(stdout)) : Infinity;
}

if (import.meta.main) {
  const [backend, model] = Deno.args as ["tensorflow" | "wasm", string];
  const tensorflow = { library: (await installedLibrary()).path, reason: "for the bench" };
  await chooseBackend(backend, 1, tensorflow);
  console.log(medianStep(model, MEASURE_MS));
}
