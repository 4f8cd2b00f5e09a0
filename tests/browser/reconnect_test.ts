import { assert, assertEquals } from "@std/assert";
import { Dashboard, LINE_MODULE } from "./dashboard.ts";

// The browser's own processes outlive a test's sanitizers.
const options = { sanitizeOps: false, sanitizeResources: false };

Deno.test(
  "job page comes back by itself after the server died, and goes on",
  options,
  async () => {
    await using dashboard = await Dashboard.start();
    const { server } = dashboard;
    const job = await server.submit(LINE_MODULE);
    await server.event(`/jobs/${job}/events?types=trainStep`, () => true);
    await using opened = await dashboard.open(`/jobs/${job}`);
    // What browser and htmx say while nobody listens is what this test is about: of the stream, of
    // a first connection that the kill cut, and of a panel that was just being fetched.
    opened.expected = /ERR_|htmx:sse:error|htmx:error: (Failed to fetch|network error)/;
    const { page } = opened;
    await page.locator("#chart-loss canvas").waitFor();
    await server.kill();
    await opened.reads("#connection", "Connection lost, trying again…");
    const before = stepOf(await page.textContent("#live-step"));
    await server.start();
    await opened.reads("#connection", "Connected again, caught up");
    await page.waitForFunction(
      (step) =>
        Number(document.getElementById("live-step")!.textContent!.replaceAll(",", "")) > step,
      before + 20,
    );
    await opened.reads(".job-title .state", "running");
    await server.call("POST", `/jobs/${job}/stop`);
    await opened.reads(".job-title .state", "stopped");
    const { body } = await server.call("GET", `/jobs/${job}`);
    await page.waitForFunction(
      (step) => document.getElementById("live-step")!.textContent!.replaceAll(",", "") === step,
      String(body["step"]),
    );
  },
);

Deno.test(
  "hidden tab gives its stream up, and catches up when it is seen again",
  options,
  async () => {
    await using dashboard = await Dashboard.start();
    const { server } = dashboard;
    const job = await server.submit(LINE_MODULE);
    await server.event(`/jobs/${job}/events?types=trainStep`, () => true);
    await using opened = await dashboard.open(`/jobs/${job}`);
    const { page } = opened;
    await page.locator("#chart-loss canvas").waitFor();
    const show = (visible: boolean) =>
      page.evaluate((hidden) => {
        Object.defineProperty(document, "hidden", { configurable: true, get: () => hidden });
        document.dispatchEvent(new Event("visibilitychange"));
      }, !visible);
    await show(false);
    await page.waitForFunction(() => {
      const { _htmx } = document.getElementById("stream") as HTMLElement & {
        _htmx: { sse: { reader: unknown } };
      };
      return _htmx.sse.reader === null;
    });
    const label = await page.getAttribute("#chart-loss [data-plot]", "aria-label");
    const { body } = await server.call("POST", `/jobs/${job}/stop`);
    assertEquals(await page.getAttribute("#chart-loss [data-plot]", "aria-label"), label);
    await show(true);
    await opened.reads(".job-title .state", "stopped");
    await page.waitForFunction(
      (step) => document.getElementById("live-step")!.textContent!.replaceAll(",", "") === step,
      String(body["applied_at_step"]),
    );
    assert(!(await page.textContent("#connection"))?.includes("lost"));
  },
);

function stepOf(text: string | null): number {
  return Number((text ?? "").replaceAll(",", ""));
}
