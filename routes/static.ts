import { Hono } from "hono";

/** What the browser loads from packages, by the name it asks for: never from another machine. */
const VENDOR: Record<string, string> = {
  "vendor/htmx.js": "../node_modules/htmx.org/dist/htmx.min.js",
  "vendor/hx-sse.js": "../node_modules/htmx.org/dist/ext/hx-sse.min.js",
  "vendor/uplot.js": "../node_modules/uplot/dist/uPlot.iife.min.js",
  "vendor/uplot.css": "../node_modules/uplot/dist/uPlot.min.css",
};

const CONTENT_TYPES: Record<string, string> = {
  css: "text/css; charset=utf-8",
  js: "text/javascript; charset=utf-8",
  svg: "image/svg+xml",
};

/** A file of ours: one folder deep at most, letters, digits, `_` and `-`, a known ending. */
const OWN_FILE = /^(?:[a-z0-9_-]+\/)?[a-z0-9_-]+\.(?:css|js|svg)$/;

interface Asset {
  bytes: Uint8Array<ArrayBuffer>;
  etag: string;
  modified: number;
}

/**
 * Serves `static/` and the browser's packages under `/static/`. Every answer carries an ETag and is
 * revalidated, so that an upgraded server never meets yesterday's script.
 */
export function staticRoutes(): Hono {
  const app = new Hono();
  const cache = new Map<string, Asset>();
  app.get("/static/*", async (c, next) => {
    const name = c.req.path.slice("/static/".length);
    const file = locate(name);
    if (file === null) return await next();
    const asset = await load(file, cache);
    if (asset === null) return await next();
    const headers = {
      etag: asset.etag,
      "cache-control": "no-cache",
      "content-type": CONTENT_TYPES[name.split(".").at(-1)!] ?? "application/octet-stream",
    };
    if (c.req.header("if-none-match") === asset.etag) return c.body(null, 304, headers);
    return c.body(asset.bytes, 200, headers);
  });
  return app;
}

function locate(name: string): URL | null {
  const vendor = VENDOR[name];
  if (vendor !== undefined) return new URL(vendor, import.meta.url);
  return OWN_FILE.test(name) ? new URL(`../static/${name}`, import.meta.url) : null;
}

async function load(file: URL, cache: Map<string, Asset>): Promise<Asset | null> {
  try {
    const modified = (await Deno.stat(file)).mtime?.getTime() ?? 0;
    const known = cache.get(file.href);
    if (known?.modified === modified) return known;
    const bytes = await Deno.readFile(file);
    const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
    const asset = { bytes, etag: `"${digest.slice(0, 12).toHex()}"`, modified };
    cache.set(file.href, asset);
    return asset;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return null;
    throw error;
  }
}
