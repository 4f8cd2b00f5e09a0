import { assert, assertEquals } from "@std/assert";
import { COMMAND_PAYLOADS } from "../../runtime/protocol/commands.ts";
import { PROTOCOL_VERSION } from "../../runtime/protocol/events.ts";
import { appFixture } from "../fixtures/app_fixture.ts";
import { assertProblem } from "../fixtures/assert_problem.ts";

Deno.test("GET /server_info says what the server speaks, and refuses a newer protocol", async () => {
  await using fixture = await appFixture();
  const answer = await fixture.send("GET", `/server_info?protocol=${PROTOCOL_VERSION}`);
  assertEquals(answer.status, 200);
  const info = await answer.json();
  assertEquals(info.protocol, PROTOCOL_VERSION);
  assertEquals(info.commands, Object.keys(COMMAND_PAYLOADS));
  assert(info.events.includes("trainStep") && info.events.includes("newRun"));
  const newer = await fixture.send("GET", `/server_info?protocol=${PROTOCOL_VERSION + 1}`);
  const problem = await assertProblem(newer, 422, "unprocessable");
  assertEquals([problem.field, problem["protocol"]], ["protocol", PROTOCOL_VERSION]);
});

Deno.test("calls on a session refuse bodies with keys that they do not know, by name", async () => {
  await using fixture = await appFixture();
  const { session } = fixture.jobs.add();
  const calls = [
    ["switch", { job: 3 }, "job"],
    ["clean", { dry_run: "yes" }, "dry_run"],
    ["counters", { fork: -1 }, "fork"],
    ["spill", { all: true }, "all"],
  ] as const;
  for (const [call, body, field] of calls) {
    const answer = await fixture.send("POST", `/sessions/${session}/${call}`, body);
    const problem = await assertProblem(answer, 422, "unprocessable");
    assertEquals(problem.field, field, call);
  }
  const gone = await fixture.send("POST", "/sessions/sess-gone/clean", {});
  await assertProblem(gone, 404, "not-found");
});
