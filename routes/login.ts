import { type Context, Hono } from "hono";
import type { AppDeps } from "./app_deps.ts";
import { readText } from "./read_body.ts";
import { login } from "./security.ts";
import { LoginPage } from "./views/login_page.tsx";

/** Where a browser trades the token for a cookie. */
export function loginRoutes({ config }: AppDeps): Hono {
  return new Hono()
    .get("/login", (c) => c.html(LoginPage()))
    .post("/login", async (c) => {
      const form = new URLSearchParams(await readText(c.req.raw, 4_096));
      if (config.token !== null) login(c, config.token, form.get("token") ?? "");
      return home(c);
    });
}

function home(c: Context): Response {
  return c.redirect("/", 303);
}
