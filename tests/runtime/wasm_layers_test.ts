import { assert, assertEquals } from "@std/assert";
import * as tf from "@tensorflow/tfjs";
import { startWasm } from "../../runtime/backends/wasm/start.ts";
import { LAYER_CASES } from "../fixtures/layer_cases.ts";
import { type LayerResult, tryLayer } from "../fixtures/layer_gradients.ts";

/** Largest difference that counts as rounding, of the largest value compared. */
const ROUNDING = 1e-5;
/** Largest difference of a gradient to a finite difference, likewise. */
const MEASURING = 5e-3;

/** One line of the table that is shown in the end. */
interface Row {
  layer: string;
  cases: number | string;
  forward: number;
  gradients: number;
  derivatives: number;
}

const rows: Row[] = [];

Deno.test("LAYER_CASES names every layer of tf.layers", () => {
  assertEquals(Object.keys(LAYER_CASES).toSorted(), Object.keys(tf.layers).toSorted());
});

for (const [name, cases] of Object.entries(LAYER_CASES)) {
  if (typeof cases === "string") {
    rows.push({ layer: name, cases, forward: NaN, gradients: NaN, derivatives: NaN });
    continue;
  }
  Deno.test(`tf.layers.${name} on wasm: outputs and gradients equal cpu and the derivative`, async () => {
    const row: Row = { layer: name, cases: cases.length, forward: 0, gradients: 0, derivatives: 0 };
    for (const [at, given] of cases.entries()) {
      await startWasm();
      const actual = tryLayer(given, true);
      await tf.setBackend("cpu");
      const expected = tryLayer(given, false);
      const about = `case ${at} of ${name}`;
      assertEquals(actual.leaked, 0, `${about} leaks`);
      row.forward = Math.max(row.forward, distance(actual.output, expected.output));
      assert(row.forward <= ROUNDING, `${about}: outputs differ by ${row.forward}`);
      for (const { of, gradient, measured } of actual.differences) {
        const apart = Math.abs(gradient - measured) / Math.max(1, Math.abs(measured));
        assert(apart <= MEASURING, `${about}: d/d(${of}) is ${gradient}, measured ${measured}`);
        row.derivatives = Math.max(row.derivatives, apart);
      }
      if (given.cpuIsWrong === undefined) {
        const apart = gradientDistance(actual, expected);
        assert(apart <= ROUNDING, `${about}: gradients differ by ${apart}`);
        row.gradients = Math.max(row.gradients, apart);
      }
    }
    rows.push(row);
  });
}

Deno.test("the layers that were tried", () => {
  console.table(rows.toSorted((a, b) => a.layer.localeCompare(b.layer)));
});

function gradientDistance(actual: LayerResult, expected: LayerResult): number {
  assertEquals(Object.keys(actual.gradients), Object.keys(expected.gradients));
  return Math.max(
    0,
    ...Object.entries(actual.gradients).map(([of, gradient]) =>
      distance(gradient, expected.gradients[of]!)
    ),
  );
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
