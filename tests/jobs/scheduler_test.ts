import { assertEquals } from "@std/assert";
import { SlotQueue } from "../../jobs/life/scheduler.ts";

function queueOf(size: number) {
  const started: string[] = [];
  const slots = new SlotQueue(size);
  const wait = (job: string, owner = "ann", priority = 0) =>
    slots.enqueue({ job, owner, priority, start: () => started.push(job) });
  // A granted slot starts its job in a microtask.
  const settled = async () => {
    await Promise.resolve();
    return started;
  };
  return { slots, wait, settled };
}

Deno.test("SlotQueue grants its slots in order and no more of them", async () => {
  const { slots, wait, settled } = queueOf(2);
  for (const job of ["a", "b", "c", "d"]) wait(job);
  assertEquals(await settled(), ["a", "b"]);
  assertEquals([slots.used, slots.waiting], [2, 2]);
  slots.release("a");
  slots.release("a");
  assertEquals(await settled(), ["a", "b", "c"]);
});

Deno.test("SlotQueue prefers the owner who holds fewest", async () => {
  const { slots, wait, settled } = queueOf(2);
  for (const job of ["a1", "a2", "a3"]) wait(job, "ann");
  wait("b1", "bob");
  wait("b2", "bob");
  slots.release("a1");
  assertEquals(await settled(), ["a1", "a2", "b1"]);
  slots.release("b1");
  assertEquals((await settled()).at(-1), "b2");
});

Deno.test("SlotQueue goes by priority among owners who hold equally many, then by who came first", async () => {
  const { slots, wait, settled } = queueOf(1);
  wait("a1");
  wait("a2", "ann", -1);
  wait("a3", "ann", 5);
  wait("a4", "ann", 5);
  wait("b1", "bob");
  slots.release("a1");
  assertEquals(await settled(), ["a1", "a3"]);
  slots.prioritize("a2", 6);
  slots.prioritize("nobody", 9);
  slots.release("a3");
  assertEquals((await settled()).at(-1), "a2");
  slots.take("a5", "ann");
  slots.release("a2");
  slots.release("a5");
  assertEquals((await settled()).at(-1), "a4");
  slots.release("a4");
  assertEquals((await settled()).at(-1), "b1");
});

Deno.test("SlotQueue puts the owner who holds fewest before any priority", async () => {
  const { slots, wait, settled } = queueOf(2);
  for (const job of ["a1", "a2"]) wait(job);
  wait("a3", "ann", 100);
  wait("b1", "bob", -100);
  slots.release("a1");
  assertEquals((await settled()).at(-1), "b1");
});

Deno.test("SlotQueue forgets who waits no longer, and keeps the place of who asks twice", async () => {
  const { slots, wait, settled } = queueOf(1);
  for (const job of ["a", "b", "c", "b"]) wait(job);
  slots.cancel("b");
  slots.release("a");
  assertEquals(await settled(), ["a", "c"]);
  assertEquals(slots.waiting, 0);
});

Deno.test("SlotQueue lets a hot worker take a slot past its size, and then grants none", async () => {
  const { slots, wait, settled } = queueOf(1);
  wait("a");
  wait("b");
  slots.release("a");
  slots.take("a", "ann");
  wait("c");
  assertEquals([await settled(), slots.used], [["a", "b"], 2]);
  slots.release("a");
  assertEquals(await settled(), ["a", "b"]);
  slots.release("b");
  assertEquals(await settled(), ["a", "b", "c"]);
});

Deno.test("SlotQueue makes a job that holds a slot wait for its next one until it gave it back", async () => {
  const { slots, wait, settled } = queueOf(2);
  wait("a");
  await settled();
  wait("a");
  assertEquals(await settled(), ["a"]);
  slots.release("a");
  assertEquals(await settled(), ["a", "a"]);
});

Deno.test("SlotQueue grants nothing once it is closed", async () => {
  const { slots, wait, settled } = queueOf(1);
  wait("a");
  slots.close();
  slots.release("a");
  wait("b");
  assertEquals(await settled(), ["a"]);
});
