/** A real server, a real browser, and pages on which nothing may go wrong unseen. */
import { assertEquals } from "@std/assert";
import type { BrowserContextOptions, Page } from "playwright-core";
import { ServerProcess } from "../fixtures/server_process.ts";
import { launchBrowser, type TestBrowser } from "./browser.ts";

/** Server and browser of one test file. */
export class Dashboard implements AsyncDisposable {
  private constructor(readonly server: ServerProcess, readonly chromium: TestBrowser) {}

  /** @param flags Of `main.ts serve`. */
  static async start(...flags: string[]): Promise<Dashboard> {
    const [server, chromium] = await Promise.all([ServerProcess.start(...flags), launchBrowser()]);
    return new Dashboard(server, chromium);
  }

  /** Opens a page; closing it fails when its console had an error that was not expected. */
  async open(path: string, options: BrowserContextOptions = {}): Promise<OpenPage> {
    const context = await this.chromium.browser.newContext({
      viewport: { width: 1280, height: 720 },
      locale: "en-US",
      ...options,
    });
    const page = await context.newPage();
    const opened = new OpenPage(page);
    await page.goto(this.server.url + path);
    return opened;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.chromium[Symbol.asyncDispose]();
    await this.server[Symbol.asyncDispose]();
  }
}

/** One page and what its console said. */
export class OpenPage implements AsyncDisposable {
  readonly errors: string[] = [];
  /** Console errors that the test means to cause: what the browser says of a refused request. */
  expected = /^$/;

  constructor(readonly page: Page) {
    page.on("console", (message) => {
      if (message.type() === "error" || message.type() === "warning") {
        this.errors.push(message.text());
      }
    });
    page.on("pageerror", (error) => this.errors.push(String(error)));
  }

  /** Waits until a part of the page reads like this; answers the whole text. */
  async reads(selector: string, text: RegExp | string): Promise<string> {
    const part = this.page.locator(selector).filter({ hasText: text }).first();
    await part.waitFor();
    return (await part.textContent() ?? "").trim();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.page.context().close();
    assertEquals(this.errors.filter((error) => !this.expected.test(error)), []);
  }
}

/** What the browser's console says when the API refuses a request. */
export const REFUSED = /Failed to load resource: the server responded with a status of 4\d\d/;

/** A job that trains until it is told otherwise: a line fitted through noise. */
export const LINE_MODULE = `
import { defineJob, tensorDataset } from "onthefly";
import * as tf from "@tensorflow/tfjs";

function samples(n: number, seed: number) {
  const xs = tf.randomUniform([n, 4], -1, 1, "float32", seed);
  return tensorDataset(xs, tf.sum(xs, 1, true));
}

export default defineJob({
  project: "line",
  runName: "baseline",
  config: { maxEpochs: 100000, batchSize: 16, seed: 7, ckptEverySteps: 200 },
  model: () => tf.sequential({ layers: [tf.layers.dense({ units: 1, inputShape: [4] })] }),
  optimizer: () => tf.train.adam(1e-4),
  loss: "meanSquaredError",
  data: (ctx) => {
    ctx.log("<b>markup</b> in a log line");
    return { train: samples(64, 1), val: samples(32, 2), test: samples(32, 3) };
  },
});
`;
