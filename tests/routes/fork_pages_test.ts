import { assert, assertStringIncludes } from "@std/assert";
import { appFixture } from "../fixtures/app_fixture.ts";

const HTML = { Accept: "text/html" };

Deno.test("a fork's page says what differs from its parent, and what its worker found", async () => {
  await using fixture = await appFixture();
  const parent = fixture.jobs.add();
  const { id } = fixture.jobs.add({
    kind: "fork",
    session: parent.session,
    parents: [parent.id],
    spawn: {
      kind: "fork",
      selection: { kind: "hardest", n: 60 },
      optimizer: "keep",
      lr_mul: 0.5,
      schedule: "restart",
      rehearsal: 0.25,
    },
    differs: { config: { lr: { from: "<b>", to: 0.2 } }, lr_mul: 0.5, schedule: "restart" },
    fork: {
      selected: 60,
      rehearsal: 20,
      shared: [],
      val_slice: 8,
      weights: { taken: 3, fresh: 1, unused: 1, mismatches: [], optimizer: "fresh" },
    },
  });
  const html = await (await fixture.app.request(`/jobs/${id}`, { headers: HTML })).text();
  const text = html.replace(/<[^>]*>/g, "").replace(/\s+/g, " ");
  for (const fact of ["lr × 0.5, schedule anew", "20 others", "3 of the parent, 1 fresh"]) {
    assertStringIncludes(text, fact);
  }
  assertStringIncludes(text, "lr &quot;&lt;b&gt;&quot; → 0.2");
});

Deno.test("the fork form asks for other samples and for the schedule, by the API's names", async () => {
  await using fixture = await appFixture();
  const { id } = fixture.jobs.add();
  const html = await (await fixture.app.request(`/fragments/jobs/${id}/fork`)).text();
  for (const name of ["rehearsal", "schedule", "lr_mul", "optimizer", "at", "start"]) {
    assert(html.includes(`name="${name}"`), name);
  }
});
