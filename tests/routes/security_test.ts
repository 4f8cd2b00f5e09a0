import { assertEquals, assertMatch } from "@std/assert";
import { appFixture } from "../fixtures/app_fixture.ts";
import { assertJson, assertProblem } from "../fixtures/assert_problem.ts";

const TOKEN = "a-token-of-the-test";

Deno.test("a foreign Host is refused, every name of this machine is not", async () => {
  await using fixture = await appFixture();
  const get = (Host: string) => fixture.app.request("/healthz", { headers: { Host } });
  for (const host of ["localhost", "localhost:9", "127.0.0.1:8000", "[::1]:8000", "LOCALHOST:1"]) {
    await assertJson(await get(host));
  }
  for (const host of ["evil.test", "evil.test:8000", "localhost.evil.test", "10.0.0.1:8000"]) {
    await assertProblem(await get(host), 403, "forbidden", { field: "Host" });
  }
});

Deno.test("a page of another origin can neither call nor follow", async () => {
  await using fixture = await appFixture();
  const { id } = fixture.jobs.add();
  const send = (method: string, path: string, headers: Record<string, string>) =>
    fixture.app.request(path, { method, headers: { Host: "localhost:8000", ...headers } });
  const pause = `/jobs/${id}/pause`;
  for (const Origin of ["http://evil.test", "http://localhost:3000", "null"]) {
    for (const [method, path] of [["POST", pause], ["GET", "/events"], ["GET", "/jobs"]] as const) {
      const response = await send(method, path, { Origin });
      await assertProblem(response, 403, "forbidden", { field: "Origin" });
    }
  }
  for (const site of ["cross-site", "same-site"]) {
    const headers = { "Sec-Fetch-Site": site, "Sec-Fetch-Mode": "no-cors" };
    for (const [method, path] of [["POST", pause], ["GET", "/events"]] as const) {
      const response = await send(method, path, headers);
      await assertProblem(response, 403, "forbidden", { field: "Sec-Fetch-Site" });
    }
  }
  assertEquals(fixture.jobs.asked, []);
  await assertJson(await send("POST", pause, { Origin: "http://localhost:8000" }));
  const link = { "Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate" };
  await assertJson(await send("GET", `/jobs/${id}`, link));
  await assertProblem(await send("POST", pause, link), 403, "forbidden");
});

Deno.test("every answer has the headers of a page that trusts nobody, errors too", async () => {
  await using fixture = await appFixture();
  for (const path of ["/healthz", "/nothing", "/jobs/job-none"]) {
    const response = await fixture.app.request(path);
    await response.body?.cancel();
    const policy = response.headers.get("Content-Security-Policy") ?? "";
    assertMatch(policy, /default-src 'none'/);
    assertMatch(policy, /script-src 'self';/);
    assertMatch(policy, /style-src 'self';/);
    assertMatch(policy, /frame-ancestors 'none'/);
    assertEquals(response.headers.get("X-Content-Type-Options"), "nosniff");
    assertEquals(response.headers.get("Referrer-Policy"), "no-referrer");
    assertEquals(response.headers.get("Access-Control-Allow-Origin"), null);
  }
});

Deno.test("with a token nothing but health and login answers without it", async () => {
  await using fixture = await appFixture({ ONTHEFLY_TOKEN: TOKEN });
  await assertJson(await fixture.app.request("/healthz"));
  for (const path of ["/jobs", "/events", "/openapi.json", "/readyz"]) {
    const response = await fixture.app.request(path);
    assertEquals(response.headers.get("WWW-Authenticate"), 'Bearer realm="onthefly"');
    await assertProblem(response, 401, "unauthorized");
  }
  for (const Authorization of [`Bearer ${TOKEN}x`, "Bearer", `Basic ${TOKEN}`, TOKEN]) {
    const response = await fixture.app.request("/jobs", { headers: { Authorization } });
    await assertProblem(response, 401, "unauthorized");
  }
  const headers = { Authorization: `Bearer ${TOKEN}` };
  await assertJson(await fixture.app.request("/jobs", { headers }));
});

Deno.test("a browser trades the token for a cookie that scripts cannot read", async () => {
  await using fixture = await appFixture({ ONTHEFLY_TOKEN: TOKEN });
  const asked = await fixture.app.request("/jobs", { headers: { Accept: "text/html" } });
  assertEquals([asked.status, asked.headers.get("Location")], [303, "/login"]);
  const page = await fixture.app.request("/login");
  assertEquals(page.status, 200);
  assertMatch(await page.text(), /name="token"/);

  const post = (token: string) =>
    fixture.app.request("/login", { method: "POST", body: new URLSearchParams({ token }) });
  await assertProblem(await post("wrong"), 401, "unauthorized", { field: "token" });
  const response = await post(TOKEN);
  assertEquals([response.status, response.headers.get("Location")], [303, "/"]);
  const cookie = response.headers.get("Set-Cookie")!;
  assertMatch(cookie, /^onthefly=[0-9a-f]{64}; Path=\/; HttpOnly; SameSite=Strict$/);
  assertEquals(cookie.includes(TOKEN), false);
  const Cookie = cookie.split(";")[0]!;
  await assertJson(await fixture.app.request("/jobs", { headers: { Cookie } }));
  const forged = await fixture.app.request("/jobs", { headers: { Cookie: "onthefly=1" } });
  await assertProblem(forged, 401, "unauthorized");
});

Deno.test("past loopback any Host is heard, since the token guards", async () => {
  await using fixture = await appFixture({ ONTHEFLY_HOST: "0.0.0.0", ONTHEFLY_TOKEN: TOKEN });
  const Host = "train.team.test";
  await assertJson(await fixture.app.request("/healthz", { headers: { Host } }));
  await assertProblem(
    await fixture.app.request("/jobs", { headers: { Host } }),
    401,
    "unauthorized",
  );
});
