import { assertEquals } from "@std/assert";
import { MetricData } from "../../static/metric_data.js";

const NAMES = ["loss", "val_loss", "lr"];

function answer(steps: number[], seq: number) {
  const points = steps.map((step) => ({
    step,
    axis_step: step,
    ts: step,
    epoch: 0,
    min: step,
    max: step,
    last: step,
  }));
  return { series: { loss: points, val_loss: [], lr: points }, last_event_seq: seq };
}

function trainStep(seq: number, step: number, fields: Record<string, unknown> = {}) {
  return { type: "trainStep", seq, data: { step, ts: step, epoch: 0, loss: step, ...fields } };
}

Deno.test("MetricData follows the server's answer without a seam", () => {
  const data = new MetricData(NAMES, 0);
  data.replace(answer([1, 2], 10));
  assertEquals(data.append(trainStep(10, 2)), true, "the answer has it already");
  assertEquals(data.append(trainStep(11, 3)), true);
  assertEquals(data.series.get("loss")?.step, [1, 2, 3]);
});

Deno.test("MetricData keeps the extremes of a frame, and a loss that was not finite as a gap", () => {
  const data = new MetricData(NAMES, 100);
  data.replace(answer([], 0));
  data.append(trainStep(1, 4, { loss: 2, sampled: { steps: 4, loss_min: 1, loss_max: 9 } }));
  data.append(trainStep(2, 5, { loss: null, lr: null }));
  const loss = data.series.get("loss")!;
  assertEquals([loss.min, loss.max, loss.last], [[1, null], [9, null], [2, null]]);
  assertEquals(loss.axis, [104, 105]);
  assertEquals(data.series.get("lr")?.step, []);
});

Deno.test("MetricData leaves it to the server when steps go back", () => {
  const data = new MetricData(NAMES, 0);
  data.replace(answer([1, 2, 3], 3));
  assertEquals(data.append(trainStep(4, 2)), false);
  assertEquals(data.series.get("loss")?.step, [1, 2, 3]);
});

Deno.test("MetricData takes validations, and the second figure of a step for the first", () => {
  const data = new MetricData(NAMES, 0);
  data.replace(answer([], 0));
  const validation = (seq: number, value: number) => ({
    type: "validation",
    seq,
    data: { step: 9, ts: 9, epoch: 1, val_loss: value, val_accuracy: null },
  });
  data.append(validation(1, 0.5));
  data.append(validation(2, 0.4));
  assertEquals(data.series.get("val_loss")?.last, [0.4]);
});
