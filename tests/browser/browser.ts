import sparticuz from "@sparticuz/chromium";
import { type Browser, chromium } from "playwright-core";
import { extract } from "tar-fs";
import { createReadStream } from "node:fs";
import { pipeline } from "node:stream/promises";
import { createBrotliDecompress } from "node:zlib";

/** The package's own arguments are for another machine; these make a plain headless browser of it. */
const ARGUMENTS = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-dev-shm-usage",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
  "--no-first-run",
];

/** A browser, and the folder of libraries that goes with it. */
export interface TestBrowser extends AsyncDisposable {
  browser: Browser;
}

/** Starts the Chromium that comes from npm, with the libraries that come beside it. */
export async function launchBrowser(): Promise<TestBrowser> {
  const executablePath: string = await sparticuz.executablePath();
  const libraries = await Deno.makeTempDir({ prefix: "onthefly-browser-" });
  const packed = new URL("node_modules/@sparticuz/chromium/bin/al2023.tar.br", import.meta.url);
  await pipeline(createReadStream(packed), createBrotliDecompress(), extract(libraries));
  const browser = await chromium.launch({
    executablePath,
    args: ARGUMENTS,
    // A language tag that Intl does not know (`en-US@posix`) stops uPlot, so the locale is fixed.
    env: { ...Deno.env.toObject(), LD_LIBRARY_PATH: `${libraries}/lib`, LC_ALL: "en_US.UTF-8" },
  });
  return {
    browser,
    [Symbol.asyncDispose]: async () => {
      await browser.close();
      await Deno.remove(libraries, { recursive: true });
    },
  };
}
