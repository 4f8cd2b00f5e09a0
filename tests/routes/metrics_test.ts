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

Deno.test("GET /jobs/{id}/metrics.csv has a row for each step of the newest take, all figures beside", async () => {
  await using fixture = await appFixture();
  const { id } = fixture.jobs.add();
  const { app, log } = fixture;
  let ts = 1_000;
  const write = (type: string, step: number, take: number, fields: Record<string, unknown>) => {
    const at = { type, step, axis_step: step + 10, epoch: step - 1, ts: ++ts };
    const data = JSON.stringify({ ...at, ...fields, job: id, session: "sess-1", take });
    log.append({ job: id, session: "sess-1", type, take, step, data });
  };
  write("trainStep", 1, 1, { loss: 4, critic_loss: 0.5 });
  write("trainStep", 2, 1, { loss: 9, critic_loss: 0.25 });
  write("checkpoint_loaded", 1, 2, { checkpoint: 1 });
  write("trainStep", 2, 2, { loss: null, critic_loss: 0.125 });
  write("validation", 2, 2, { val_loss: 3, val_accuracy: null, metrics: { f1: 0.75, "a,b": 1 } });
  write("test_complete", 3, 2, { split: "test", loss: 2, accuracy: 0.5, metrics: { f1: 0.5 } });
  await log.durable();
  const response = await app.request(`/jobs/${id}/metrics.csv`);
  assertEquals(response.status, 200);
  assertEquals(response.headers.get("Content-Type"), "text/csv; charset=utf-8");
  assertEquals(
    response.headers.get("Content-Disposition"),
    'attachment; filename="baseline.csv"',
  );
  assertEquals((await response.text()).split("\r\n"), [
    'step,axis_step,epoch,ts,loss,critic_loss,val_loss,val_f1,"val_a,b",test_loss,test_accuracy,test_f1',
    "1,11,0,1001,4,0.5,,,,,,",
    "2,12,1,1004,,0.125,3,0.75,1,,,",
    "3,13,2,1006,,,,,,2,0.5,0.5",
    "",
  ]);
});

Deno.test("GET /jobs/{id}/metrics.csv of a job without steps is its head, of no job a 404", async () => {
  await using fixture = await appFixture();
  const { id } = fixture.jobs.add();
  const response = await fixture.app.request(`/jobs/${id}/metrics.csv`);
  assertEquals(await response.text(), "step,axis_step,epoch,ts\r\n");
  await assertProblem(await fixture.app.request("/jobs/job-none/metrics.csv"), 404, "not-found");
});

Deno.test("GET /jobs/{id}/metrics.csv of more steps than go out at once has them all", async () => {
  await using fixture = await appFixture();
  const { id } = fixture.jobs.add();
  await logLosses(fixture.log, id, Array.from({ length: 1_234 }, (_, at) => at));
  const text = await (await fixture.app.request(`/jobs/${id}/metrics.csv`)).text();
  const rows = text.trimEnd().split("\r\n").slice(1).map((row) => row.split(","));
  assertEquals(rows.map(([step, , , , loss]) => Number(step) - Number(loss)), Array(1_234).fill(1));
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
