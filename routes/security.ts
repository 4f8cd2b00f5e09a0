import { createHash, timingSafeEqual } from "node:crypto";
import type { Context, MiddlewareHandler } from "hono";
import { getCookie, setCookie } from "hono/cookie";
import { isLoopback, type ServerConfig } from "../jobs/server_config.ts";
import { RequestError } from "./request_error.ts";

/** Name of the cookie that a browser trades its token for. */
const COOKIE = "onthefly";

/** Paths that answer without a token: what a load balancer asks, and what the login page needs. */
const OPEN_PATHS = /^\/(healthz|login|static\/.*)$/;

const CONTENT_SECURITY_POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self' data: blob:",
  "font-src 'self'",
  "connect-src 'self'",
  "form-action 'self'",
  "base-uri 'none'",
  "frame-ancestors 'none'",
].join("; ");

const HEADERS: Record<string, string> = {
  "Content-Security-Policy": CONTENT_SECURITY_POLICY,
  "X-Content-Type-Options": "nosniff",
  "X-Frame-Options": "DENY",
  "Referrer-Policy": "no-referrer",
  "Cross-Origin-Opener-Policy": "same-origin",
  "Cross-Origin-Resource-Policy": "same-origin",
};

/** Refuses what comes from elsewhere, asks for the token where one is set, adds the headers. */
export function security(config: Pick<ServerConfig, "host" | "token">): MiddlewareHandler {
  return async (c, next) => {
    // Set before the handlers run, so that what the error handler answers has them too.
    for (const [name, value] of Object.entries(HEADERS)) c.header(name, value);
    refuseForeignHost(c, config);
    refuseForeignPage(c);
    if (config.token !== null && !OPEN_PATHS.test(c.req.path) && !isKnown(c, config.token)) {
      if (c.req.method === "GET" && c.req.header("Accept")?.includes("text/html")) {
        return c.redirect("/login", 303);
      }
      throw new RequestError("unauthorized", "send Authorization: Bearer <ONTHEFLY_TOKEN>");
    }
    return await next();
  };
}

/** Trades the token for a cookie that scripts cannot read. @throws {RequestError} for a wrong one. */
export function login(c: Context, expected: string, token: string): void {
  if (!sameText(token, expected)) {
    throw new RequestError("unauthorized", "the token is wrong", { field: "token" });
  }
  setCookie(c, COOKIE, cookieOf(expected), { httpOnly: true, sameSite: "Strict", path: "/" });
}

function isKnown(c: Context, token: string): boolean {
  const [scheme, bearer] = (c.req.header("Authorization") ?? "").split(" ");
  if (scheme?.toLowerCase() === "bearer" && bearer !== undefined && sameText(bearer, token)) {
    return true;
  }
  const cookie = getCookie(c, COOKIE);
  return cookie !== undefined && sameText(cookie, cookieOf(token));
}

/** What the cookie holds: it opens the door and does not tell the token. */
function cookieOf(token: string): string {
  return digest(`cookie of ${token}`).toString("hex");
}

/** Compares in a time that does not depend on where the texts differ. */
function sameText(a: string, b: string): boolean {
  return timingSafeEqual(digest(a), digest(b));
}

function digest(text: string) {
  return createHash("sha256").update(text).digest();
}

/**
 * A page elsewhere can point a name of its own at this machine (DNS rebinding), yet it cannot change
 * the name that the browser sends. Past loopback the token guards, since names are not known.
 */
function refuseForeignHost(c: Context, config: Pick<ServerConfig, "host">): void {
  if (!isLoopback(config.host)) return;
  const host = hostOf(c);
  const name = host.replace(/:\d+$/, "");
  if (isLoopback(name) || name === config.host) return;
  throw new RequestError("forbidden", `Host ${host} is not this server`, { field: "Host" });
}

/** No page but our own may call, and a link from elsewhere may open a page and no more. */
function refuseForeignPage(c: Context): void {
  const origin = c.req.header("Origin");
  if (origin !== undefined && URL.parse(origin)?.host !== hostOf(c)) {
    throw new RequestError("forbidden", `Origin ${origin} is not this server`, { field: "Origin" });
  }
  const site = c.req.header("Sec-Fetch-Site") ?? "none";
  if (site === "none" || site === "same-origin") return;
  if (c.req.method === "GET" && c.req.header("Sec-Fetch-Mode") === "navigate") return;
  throw new RequestError("forbidden", `a request from a ${site} page is refused`, {
    field: "Sec-Fetch-Site",
  });
}

function hostOf(c: Context): string {
  return (c.req.header("Host") ?? new URL(c.req.url).host).toLowerCase();
}
