import { assertEquals } from "@std/assert";
import { SupervisorFixture } from "../fixtures/supervisor_fixture.ts";

Deno.test("submit() trains a job to its budget and logs every step once", async () => {
  await using fixture = await SupervisorFixture.open();
  const { id } = await fixture.submit({ max_steps: 30, max_epochs: 9 });
  const manifest = await fixture.untilState(id, "completed");
  assertEquals(manifest.step, 30);
  assertEquals(
    (await fixture.steps(id)).map(([, step]) => step),
    Array.from({ length: 30 }, (_, i) => i + 1),
  );
  assertEquals(await fixture.path(id), ["starting", "running", "completed"]);
});
