import { assertEquals } from "@std/assert";
import { forManifest, type GateResult, type GateRow } from "../../runtime/protocol/merge_gate.ts";

function result(rows: number): GateResult {
  const interval = { mean: 1 / 3, low: 1 / 7, high: 1 / 2 };
  const row: GateRow = {
    model: "parent",
    job: "job-5025d47e3517",
    checkpoint: 12,
    batch_norm: "own",
    on: "gate",
    slice: "job-5025d47e3517",
    samples: 180,
    loss: 1 / 3,
    accuracy: 2 / 3,
    advantage: { loss: interval, accuracy: interval },
  };
  return {
    split: "gate",
    samples: 180,
    metric: "loss",
    min_delta: 0,
    accepted: "inconclusive",
    best_parent: { job: "job-5025d47e3517", checkpoint: 12 },
    advantage: interval,
    outcome: "kept",
    barriers: [],
    notes: Array.from({ length: rows }, (_, at) => `note ${at}`),
    table: Array.from({ length: rows }, () => row),
  };
}

Deno.test("forManifest() keeps a short table and leaves a long one to the event", () => {
  assertEquals(forManifest(result(12)), result(12));
  const long = forManifest(result(400));
  assertEquals([long.table, long.notes.length], [null, 20]);
});
