import { assertEquals, assertMatch } from "@std/assert";
import { staticRoutes } from "../../routes/static.ts";

Deno.test("static files carry an ETag and are revalidated by it", async () => {
  const app = staticRoutes();
  const first = await app.request("/static/page.js");
  assertEquals(first.status, 200);
  assertEquals(first.headers.get("Content-Type"), "text/javascript; charset=utf-8");
  assertEquals(first.headers.get("Cache-Control"), "no-cache");
  assertMatch(await first.text(), /startPage/);
  const etag = first.headers.get("ETag")!;
  const again = await app.request("/static/page.js", { headers: { "If-None-Match": etag } });
  assertEquals(again.status, 304);
  assertEquals(await again.text(), "");
});

Deno.test("static files are those of the folder and the table, nothing else", async () => {
  const app = staticRoutes();
  const vendor = await app.request("/static/vendor/uplot.js");
  assertEquals(vendor.status, 200);
  await vendor.body?.cancel();
  for (
    const path of [
      "/static/../main.ts",
      "/static/..%2fmain.ts",
      "/static/%2e%2e/deno.json",
      "/static/.hidden.js",
      "/static/vendor/other.js",
      "/static/none.js",
      "/static/",
      "/static/page.js%00.css",
    ]
  ) {
    const response = await app.request(path);
    assertEquals(response.status, 404, path);
    await response.body?.cancel();
  }
});
