import { assert, assertEquals } from "@std/assert";
import type { Page } from "playwright-core";
import { lowContrast, unnamedControls } from "./accessibility.ts";
import { Dashboard, LINE_MODULE } from "./dashboard.ts";

// One browser serves the tests of the file, so what it keeps open between them is no leak.
const options = { sanitizeOps: false, sanitizeResources: false };
let dashboard: Dashboard;
/** A job that has ended, so that pages stand still; and one that failed. */
let job: string;
let failed: string;
let session: string;

Deno.test.beforeAll(async () => {
  dashboard = await Dashboard.start();
  job = await dashboard.server.submit(LINE_MODULE, { max_steps: 200, test_after: true });
  failed = await dashboard.server.submit(LINE_MODULE.replace("return { train", "return { trian"));
  session = String((await dashboard.server.state(job, "completed"))["session"]);
  await dashboard.server.state(failed, "failed");
});
Deno.test.afterAll(async () => await dashboard[Symbol.asyncDispose]());

/** Every page, with what is open on it. */
const VIEWS: [name: string, path: () => string, open?: (page: Page) => Promise<void>][] = [
  ["jobs", () => "/"],
  ["session", () => `/sessions/${session}`],
  ["job", () => `/jobs/${job}?tab=checkpoints`],
  ["failed job", () => `/jobs/${failed}`],
  ["new job", () => "/new"],
  ["fork form", () => `/jobs/${job}?dialog=fork`, (page) => page.locator("#dialog form").waitFor()],
  ["no such job", () => "/jobs/job-none"],
];

for (const scheme of ["light", "dark"] as const) {
  for (const [name, path, open] of VIEWS) {
    Deno.test(
      `${name} in ${scheme}: text has the contrast of WCAG AA, controls have names`,
      options,
      async () => {
        await using opened = await dashboard.open(path(), { colorScheme: scheme });
        if (name === "no such job") opened.expected = /status of 404/;
        await open?.(opened.page);
        assertEquals(await lowContrast(opened.page), []);
        assertEquals(await unnamedControls(opened.page), []);
        assertEquals(await opened.page.locator("h1").count(), 1);
      },
    );
  }
}

for (const width of [360, 1280, 2560]) {
  Deno.test(`pages fit a window of ${width} px`, options, async () => {
    for (const [name, path, open] of VIEWS) {
      await using opened = await dashboard.open(path(), { viewport: { width, height: 800 } });
      if (name === "no such job") opened.expected = /status of 404/;
      await open?.(opened.page);
      const over = await opened.page.evaluate(() => {
        const { scrollWidth, clientWidth } = document.documentElement;
        return scrollWidth - clientWidth;
      });
      assertEquals(over, 0, `${name} is ${over} px too wide`);
    }
  });
}

Deno.test(
  "first screen of a job at 1280 by 720 holds state, controls and both main charts",
  options,
  async () => {
    await using opened = await dashboard.open(`/jobs/${job}`);
    for (const part of [".state", ".controls", "#chart-loss", "#chart-accuracy"]) {
      const box = await opened.page.locator(part).first().boundingBox();
      assert(box !== null && box.y >= 0 && box.y + box.height <= 720, `${part} is not on it`);
    }
  },
);

Deno.test("dark is followed, chosen and remembered", options, async () => {
  await using opened = await dashboard.open(`/jobs/${job}`, { colorScheme: "dark" });
  const { page } = opened;
  await page.locator("#chart-loss canvas").waitFor();
  const lightness = () =>
    page.evaluate(() =>
      Number(getComputedStyle(document.documentElement).backgroundColor.match(/\d+/)![0])
    );
  assert(await lightness() < 60);
  const picture = await page.screenshot();
  assert(picture.byteLength > 10_000);
  await page.getByRole("button", { name: "Switch between light and dark" }).click();
  assert(await lightness() > 200);
  await page.reload();
  assert(await lightness() > 200, "the choice is forgotten");
});

Deno.test("charts stand still for who prefers reduced motion", options, async () => {
  await using opened = await dashboard.open("/", { reducedMotion: "reduce" });
  const moving = await opened.page.evaluate(() => document.getAnimations().length);
  assertEquals(moving, 0);
});
