import { assert, assertEquals } from "@std/assert";
import { healthReport, judged } from "../../runtime/diagnostics/health_report.ts";

const advice = "lower lr";

Deno.test("judged() is silent within limits, and fails rather than warns beyond both", () => {
  const limits = { figure: "scale", warn: 10, fail: 100, advice };
  assertEquals(judged({ ...limits, value: 10 }), []);
  assertEquals(judged({ ...limits, value: 11 }).map(({ status }) => status), ["warn"]);
  assertEquals(judged({ ...limits, value: 101 }).map(({ threshold }) => threshold), [100]);
  const below = { figure: "share", warn: 0.1, advice, below: true };
  assertEquals(judged({ ...below, value: 0.1 }), []);
  assertEquals(judged({ ...below, value: 0.01 }).length, 1);
});

Deno.test("healthReport() of a large model keeps its worst layers, and fits into a receipt", () => {
  const layers = Array.from({ length: 500 }, (_, at) => ({
    layer: `block_${at}/`.padEnd(60, "x"),
    ...Object.fromEntries(
      Array.from({ length: 14 }, (_, figure) => [`figure_${figure}`, Math.PI * 1e-9]),
    ),
    histogram: Array.from({ length: 20 }, () => 123_456),
  }));
  const ill = layers.slice(200, 260).map(({ layer }, at) => ({
    status: at % 2 === 0 ? "warn" as const : "fail" as const,
    figure: "scale",
    layer,
    value: Math.PI,
    threshold: 1,
    advice: advice.repeat(20),
  }));
  const report = healthReport("distribution", ill, { parameters: 1e9 }, layers);
  assertEquals(report.status, "fail");
  assertEquals(report.findings.filter(({ status }) => status === "fail").length, 30);
  assertEquals(report.findings[0]!.value, 3.142);
  assertEquals(report.layers[0]!.layer, layers[201]!.layer);
  assertEquals(report.figures, { parameters: 1e9, findings: 60, layers: 500 });
  assert(JSON.stringify(report).length < 48 * 1_024, `${JSON.stringify(report).length}`);
});

Deno.test("healthReport() says null of what is no finite number", () => {
  const { figures, layers } = healthReport("numerics", [], { loss: NaN }, [
    { layer: "a", largest: Infinity, spread: [1, 2] },
  ]);
  assertEquals([figures, layers], [{ loss: null }, [{
    layer: "a",
    largest: null,
    spread: [1, 2],
  }]]);
});
