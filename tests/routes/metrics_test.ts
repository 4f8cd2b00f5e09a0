import { assertEquals } from "@std/assert";
import { appFixture } from "../fixtures/app_fixture.ts";
import { assertJson, assertProblem } from "../fixtures/assert_problem.ts";

Deno.test("GET /jobs/{id}/metrics answers buckets and the event behind which to follow", async () => {
  await using fixture = await appFixture();
  const { id } = fixture.jobs.add();
  const path = `/jobs/${id}/metrics?series=loss,lr,loss&points=2`;
  const answer = await assertJson(await fixture.app.request(path));
  assertEquals(Object.keys(answer["series"] as object), ["loss", "lr"]);
  assertEquals(answer["last_event_id"], `${fixture.log.id}-7`);
});

Deno.test("GET /jobs/{id}/metrics is a table when CSV is asked for", async () => {
  await using fixture = await appFixture();
  const path = `/jobs/${fixture.jobs.add().id}/metrics`;
  const table = "series,step,axis_step,ts,epoch,min,max,last\r\n" +
    "loss,1,0,1,0,0.5,1.5,1\r\n" +
    "loss,2,0,1,0,,,\r\n";
  const byHeader = await fixture.app.request(path, { headers: { Accept: "text/csv" } });
  const byQuery = await fixture.app.request(`${path}?format=csv`);
  for (const response of [byHeader, byQuery]) {
    assertEquals(response.status, 200);
    assertEquals(response.headers.get("Content-Type"), "text/csv; charset=utf-8");
    assertEquals(await response.text(), table);
  }
});

Deno.test("GET /jobs/{id}/metrics refuses what cannot be drawn", async () => {
  await using fixture = await appFixture();
  const { id } = fixture.jobs.add();
  const cases = [
    ["points=0", "points"],
    ["points=5001", "points"],
    ["points=many", "points"],
    ["from=-1", "from"],
    ["from=1.5", "from"],
    ["to=1e3", "to"],
    ["from=9&to=3", "from"],
    ["serie=loss", "serie"],
    ["format=xml", "format"],
  ];
  for (const [query, field] of cases) {
    const response = await fixture.app.request(`/jobs/${id}/metrics?${query}`);
    await assertProblem(response, 422, "unprocessable", { field });
  }
});
