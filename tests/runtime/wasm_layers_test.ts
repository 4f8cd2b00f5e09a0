import { assert, assertAlmostEquals, assertEquals } from "@std/assert";
import * as tf from "@tensorflow/tfjs";
import { installMissingGradients } from "../../runtime/backends/gradients/install_missing_gradients.ts";
import { startWasm } from "../../runtime/backends/wasm/start.ts";
import { LAYER_CASES, type LayerCase } from "../fixtures/layer_cases.ts";
import { filled, type LayerResult, tryLayer } from "../fixtures/layer_gradients.ts";

/** Largest difference that counts as rounding, of the largest value compared. */
const ROUNDING = 1e-5;
/** Largest difference of a gradient to a finite difference, likewise. */
const MEASURING = 5e-3;

/** How far wasm is from cpu, and from derivatives measured on wasm itself. */
interface Apart {
  outputs: number;
  gradients: number;
  derivatives: number;
}

/** The table that is shown in the end: a line a layer. */
const table: string[] = [];

Deno.test("LAYER_CASES names every layer of tf.layers", () => {
  assertEquals(Object.keys(LAYER_CASES).toSorted(), Object.keys(tf.layers).toSorted());
});

for (const [name, cases] of Object.entries(LAYER_CASES)) {
  if (typeof cases === "string") {
    table.push(`${name.padEnd(24)} ${cases}`);
    continue;
  }
  Deno.test(`tf.layers.${name} on wasm equals cpu and its measured derivatives`, async () => {
    const compared: Apart[] = [];
    for (const [at, given] of cases.entries()) {
      compared.push(await compare(`case ${at} of ${name}`, given));
    }
    table.push(line(name, cases, compared));
  });
}

Deno.test("tf.layers.batchNormalization of the first axis equals that of the last on wasm", async () => {
  await startWasm();
  const values = (axis: number) =>
    tf.tidy(() => {
      const swap = axis === 1 ? [0, 3, 1, 2] : [0, 1, 2, 3];
      const x = tf.transpose(filled([3, 4, 5, 2], 0.2), swap);
      const layer = tf.layers.batchNormalization({ axis });
      const y = layer.apply(x, { training: true }) as tf.Tensor;
      const back = tf.transpose(y, axis === 1 ? [0, 2, 3, 1] : [0, 1, 2, 3]).dataSync();
      layer.dispose();
      return back;
    });
  const expected = values(3);
  values(1).forEach((value: number, at: number) => assertAlmostEquals(value, expected[at]!, 1e-5));
});

Deno.test("the layers that were tried, and how far they are apart", () => {
  const heading = `${"layer".padEnd(24)} cases  outputs   gradients derivatives`;
  console.log([heading, ...table.toSorted((a, b) => a.localeCompare(b))].join("\n"));
});

async function compare(about: string, given: LayerCase): Promise<Apart> {
  await startWasm();
  installMissingGradients();
  const actual = tryLayer(given, { gradients: true, measure: true });
  assertEquals(actual.leaked, 0, `${about} leaks`);
  const measured = actual.differences.map(({ of, gradient, measured }) => {
    const apart = Math.abs(gradient - measured) / Math.max(1, Math.abs(measured));
    assert(apart <= MEASURING, `${about}: d/d(${of}) is ${gradient}, measured ${measured}`);
    return apart;
  });
  assertEquals(measured.length > 0, given.forwardOnly === undefined, `${about}: measured`);
  const comparable = given.cpuOutputIsWrong === undefined;
  const derivable = comparable && given.cpuIsWrong === undefined;
  await tf.setBackend("cpu");
  const expected = tryLayer(given, { gradients: derivable, measure: false });
  const outputs = comparable ? distance(actual.output, expected.output) : 0;
  assert(outputs <= ROUNDING, `${about}: outputs differ by ${outputs}`);
  const gradients = derivable ? gradientDistance(actual, expected) : 0;
  assert(gradients <= ROUNDING, `${about}: gradients differ by ${gradients}`);
  return { outputs, gradients, derivatives: Math.max(0, ...measured) };
}

function gradientDistance(actual: LayerResult, expected: LayerResult): number {
  assertEquals(Object.keys(actual.gradients), Object.keys(expected.gradients));
  const distances = Object.entries(actual.gradients).map(([of, gradient]) =>
    distance(gradient, expected.gradients[of]!)
  );
  return Math.max(0, ...distances);
}

/** The largest difference, of the largest value expected or 1. */
function distance(actual: Float32Array, expected: Float32Array): number {
  assertEquals(actual.length, expected.length);
  const scale = expected.reduce((greatest, value) => Math.max(greatest, Math.abs(value)), 1);
  return actual.reduce((greatest, value, at) => {
    const apart = Math.abs(value - expected[at]!) / scale;
    return Number.isNaN(apart) ? Infinity : Math.max(greatest, apart);
  }, 0);
}

function line(name: string, cases: LayerCase[], compared: Apart[]): string {
  const greatest = (of: keyof Apart) => Math.max(...compared.map((apart) => apart[of]));
  const figures = [greatest("outputs"), greatest("gradients"), greatest("derivatives")];
  const notes = cases.flatMap(({ forwardOnly, cpuIsWrong, cpuOutputIsWrong }) =>
    forwardOnly ?? cpuIsWrong ?? cpuOutputIsWrong ?? []
  );
  return [
    name.padEnd(24),
    String(cases.length).padStart(5),
    ...figures.map((figure) => figure.toExponential(1).padStart(9)),
    ...new Set(notes),
  ].join(" ");
}
