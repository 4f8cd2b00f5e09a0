import { assertEquals } from "@std/assert";
import { beyondRing } from "../../jobs/life/checkpoint_ring.ts";
import { Holds } from "../../jobs/life/holds.ts";
import type { CheckpointRecord } from "../../jobs/job.ts";

function records(count: number, pinned: number[] = []): CheckpointRecord[] {
  return Array.from({ length: count }, (_, index) => ({
    job: "job-1",
    checkpoint: index + 1,
    take: 1,
    attempt: 1,
    step: index * 10,
    axis_step: index * 10,
    epoch: 0,
    path: `checkpoints/1/${index + 1}`,
    bytes: 1,
    sha256: "",
    reason: "cadence",
    label: null,
    pinned_by: pinned.includes(index + 1) ? ["job-2"] : [],
    created_at: 0,
    seq: index,
  }));
}

function dropped(...args: Parameters<typeof beyondRing>): number[] {
  return beyondRing(...args).map(({ checkpoint }) => checkpoint).sort((a, b) => a - b);
}

Deno.test("beyondRing() drops the oldest beyond what is kept", () => {
  assertEquals(dropped(records(5), 3), [1, 2]);
  assertEquals(dropped(records(3).reverse(), 1), [1, 2]);
  assertEquals(dropped(records(2), 5), []);
});

Deno.test("beyondRing() never drops what is pinned, which takes no place either", () => {
  assertEquals(dropped(records(6, [1, 5]), 2), [2, 3]);
});

Deno.test("beyondRing() spares what is held for now", () => {
  assertEquals(dropped(records(5), 2, new Set([2])), [1, 3]);
});

Deno.test("beyondRing() keeps the newest checkpoint of each label beside the ring", () => {
  const labelled = records(5).map((record) => ({
    ...record,
    label: record.checkpoint <= 2 ? "best" : null,
  }));
  assertEquals(dropped(labelled, 2), [1, 3]);
});

Deno.test("Holds keeps a checkpoint from the ring until the last of its holders lets go", () => {
  const holds = new Holds();
  holds.hold(1);
  holds.hold(1);
  holds.release(1);
  assertEquals([holds.has(1), holds.size], [true, 1]);
  assertEquals(dropped(records(2), 1, holds), []);
  holds.release(1);
  assertEquals([holds.has(1), holds.size], [false, 0]);
  assertEquals(dropped(records(2), 1, holds), [1]);
});
