import { assert, assertEquals } from "@std/assert";
import type { BackendReport } from "../../jobs/workers/backend_report.ts";
import { appFixture } from "../fixtures/app_fixture.ts";

Deno.test("GET /backends measures what is there and says what brings the rest", async () => {
  await using fixture = await appFixture();
  const response = await fixture.send("GET", "/backends");
  assertEquals(response.status, 200);
  assertEquals(response.headers.get("content-type"), "application/json");
  const { items } = await response.json() as { items: BackendReport[] };
  const [tensorflow, webgpu, ...others] = items;
  assertEquals([tensorflow?.available, tensorflow?.brings], [false, "deno task tensorflow"]);
  assertEquals(others.map(({ name, available }) => [name, available]), [["wasm", true], [
    "cpu",
    true,
  ]]);
  // Whether there is a GPU, or software that poses as one, is the machine's matter.
  assertEquals(webgpu!.name, "webgpu");
  assertEquals(webgpu!.available, webgpu!.brings === null);
  if (webgpu!.available) assertEquals(webgpu!.determinism, "none");
  for (const { mlp_step_ms, cnn_step_ms } of others) assert(mlp_step_ms! > 0 && cnn_step_ms! > 0);
});
