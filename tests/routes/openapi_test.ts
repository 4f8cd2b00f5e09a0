import { assertEquals } from "@std/assert";
import type { createApp } from "../../routes/app.ts";
import { OPERATIONS } from "../../routes/operations.ts";
import { appFixture } from "../fixtures/app_fixture.ts";
import { assertJson } from "../fixtures/assert_problem.ts";

/** What is no call of the API: pages, assets, and the description itself. */
const NO_CALL = /^\/(static\/|login$|problems\/|openapi\.json$|$|new$)/;

/** Every call that has a handler. */
function served(app: ReturnType<typeof createApp>): Set<string> {
  return new Set(
    app.routes.filter(({ method, path }) => method !== "ALL" && !NO_CALL.test(path))
      .map(({ method, path }) => `${method} ${path}`),
  );
}

Deno.test("OPERATIONS lists every call that is served", async () => {
  await using fixture = await appFixture();
  const listed = OPERATIONS.map(({ method, path }) => `${method.toUpperCase()} ${path}`);
  const calls = served(fixture.app);
  assertEquals(listed.filter((call) => !calls.has(call)), []);
  const ids = OPERATIONS.map(({ id }) => id);
  assertEquals(new Set(ids).size, ids.length);
});

Deno.test("GET /openapi.json describes each call from the schemas that parse it", async () => {
  await using fixture = await appFixture();
  const document = await assertJson(await fixture.app.request("/openapi.json"));
  assertEquals(document["openapi"], "3.1.0");
  const paths = document["paths"] as Record<string, Record<string, Record<string, unknown>>>;
  assertEquals(Object.values(paths).flatMap(Object.keys).length, OPERATIONS.length);
  const { fork } = { fork: paths["/jobs/{id}/fork"]!["post"]! };
  const body = fork["requestBody"] as { content: Record<string, { schema: unknown }> };
  const schema = body.content["application/json"]!.schema as {
    required?: string[];
    properties: Record<string, { default?: unknown }>;
  };
  // Each of several children may say its own.
  assertEquals(schema.required, undefined);
  assertEquals(schema.properties["at"]!.default, "now");
});

Deno.test("GET /problems/{slug} says what a problem's type means", async () => {
  await using fixture = await appFixture();
  const response = await fixture.app.request("/problems/state-conflict");
  assertEquals(response.status, 200);
  assertEquals(response.headers.get("Content-Type"), "text/plain; charset=UTF-8");
  assertEquals(await response.text(), "409 The job's state does not take this\n");
});
