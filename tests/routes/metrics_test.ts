import { assertEquals } from "@std/assert";
import type { EventLog } from "../../jobs/events/event_log.ts";
import { appFixture } from "../fixtures/app_fixture.ts";
import { assertJson, assertProblem } from "../fixtures/assert_problem.ts";

/** Logs steps 1, 2, ... of a job with these losses. */
async function logLosses(log: EventLog, job: string, losses: (number | null)[]): Promise<void> {
  losses.forEach((loss, index) => {
    const step = index + 1;
    const fields = { type: "trainStep", step, axis_step: step, epoch: 0, ts: 1_000 + step, loss };
    const data = JSON.stringify({ ...fields, job, session: "sess-1", take: 1 });
    log.append({ job, session: "sess-1", type: "trainStep", take: 1, step, data });
  });
  await log.durable();
}

Deno.test("GET /jobs/{id}/metrics answers buckets and the event behind which to follow", async () => {
  await using fixture = await appFixture();
  const { id } = fixture.jobs.add();
  await logLosses(fixture.log, id, [4, 2, 3, 1]);
  const path = `/jobs/${id}/metrics?series=loss,lr,loss&points=1`;
  const answer = await assertJson(await fixture.app.request(path));
  const { loss, lr } = answer["series"] as Record<string, { min: number; max: number }[]>;
  assertEquals(loss!.map(({ min, max }) => [min, max]), [[1, 4]]);
  assertEquals(lr, []);
  assertEquals(answer["last_event_id"], `${fixture.log.id}-4`);
});

Deno.test("GET /jobs/{id}/metrics is a table when CSV is asked for", async () => {
  await using fixture = await appFixture();
  const { id } = fixture.jobs.add();
  await logLosses(fixture.log, id, [1.5, null]);
  const path = `/jobs/${id}/metrics`;
  const table = "series,step,axis_step,ts,epoch,min,max,last\r\n" +
    "loss,1,1,1001,0,1.5,1.5,1.5\r\n" +
    "loss,2,2,1002,0,,,\r\n";
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
