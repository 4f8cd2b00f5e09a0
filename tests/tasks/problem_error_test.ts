import { assertEquals } from "@std/assert";
import { describeProblem, ProblemError } from "../../tasks/problem_error.ts";

Deno.test("describeProblem() names the position in the module and the field", () => {
  const problem = {
    title: "The request asks for what cannot be",
    status: 422,
    detail: "Unexpected token",
    field: "module",
    line: 3,
    column: 17,
  };
  assertEquals(
    describeProblem(problem, "my_job.ts"),
    "The request asks for what cannot be (422)\n  at my_job.ts:3:17\n  Unexpected token\n" +
      "  field: module",
  );
});

Deno.test("describeProblem() says a position once", () => {
  const problem = {
    title: "No",
    status: 422,
    detail: "job.ts:3:17 Unexpected token",
    line: 3,
    column: 17,
  };
  assertEquals(describeProblem(problem), "No (422)\n  job.ts:3:17 Unexpected token");
});

Deno.test("describeProblem() says what the state takes", () => {
  const problem = { title: "No", status: 409, detail: "it is queued", allowed: ["pause", "stop"] };
  assertEquals(describeProblem(problem), "No (409)\n  it is queued\n  allowed now: pause, stop");
});

Deno.test("ProblemError.from() takes an answer that is no problem+json", async () => {
  const { problem } = await ProblemError.from(new Response("<html>", { status: 502 }));
  assertEquals([problem.status, problem.detail], [502, "<html>"]);
});
