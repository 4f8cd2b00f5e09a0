import { Layout } from "./layout.tsx";

/** Where a browser trades the server's token for a cookie. */
export function LoginPage() {
  return (
    <Layout title="Log in" script="plain_page.js" style="job_list.css" closed>
      <form class="login" method="post" action="/login">
        <h1>Log in</h1>
        <div class="field">
          <label for="token">Token</label>
          <input
            id="token"
            name="token"
            type="password"
            required
            autofocus
            autocomplete="current-password"
            aria-describedby="token-hint"
          />
          <p class="hint" id="token-hint">
            What <code>ONTHEFLY_TOKEN</code> is on this server.
          </p>
        </div>
        <button type="submit" class="primary">Log in</button>
      </form>
    </Layout>
  );
}
