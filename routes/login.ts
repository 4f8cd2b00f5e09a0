import { type Context, Hono } from "hono";
import { html } from "hono/html";
import type { AppDeps } from "./app_deps.ts";
import { readText } from "./read_body.ts";
import { login } from "./security.ts";

/** Where a browser trades the token for a cookie. */
export function loginRoutes({ config }: AppDeps): Hono {
  return new Hono()
    .get("/login", (c) => c.html(loginPage()))
    .post("/login", async (c) => {
      const form = new URLSearchParams(await readText(c.req.raw, 4_096));
      if (config.token !== null) login(c, config.token, form.get("token") ?? "");
      return home(c);
    });
}

function home(c: Context): Response {
  return c.redirect("/", 303);
}

function loginPage() {
  return html`
    <!DOCTYPE html>
    <html lang="en">
      <head>
        <meta charset="utf-8">
        <meta name="viewport" content="width=device-width">
        <title>OnTheFly</title>
      </head>
      <body>
        <main>
          <h1>OnTheFly</h1>
          <form method="post" action="/login">
            <label for="token">Token</label>
            <input id="token" name="token" type="password" required autofocus
              autocomplete="current-password">
            <button>Log in</button>
          </form>
        </main>
      </body>
    </html>
  `;
}
