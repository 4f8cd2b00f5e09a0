import type { Context, Next } from "hono";
import { NotFoundError } from "../jobs/errors.ts";
import { ErrorPage } from "./views/error_page.tsx";
import { Layout } from "./views/layout.tsx";

/** Runs a page's handler for who prefers HTML; a thing that is not there becomes a page too. */
export function forBrowsers(handler: (c: Context) => Promise<Response>) {
  return async (c: Context, next: Next): Promise<Response | void> => {
    c.header("Vary", "Accept");
    if (!prefersHtml(c.req.header("accept"))) return await next();
    try {
      return await handler(c);
    } catch (error) {
      if (!(error instanceof NotFoundError)) throw error;
      return c.html(
        <Layout title="Not found" script="plain_page.js" style="job_list.css">
          <ErrorPage
            title={`There is no such ${error.what}`}
            detail={`${error.id} is not here. It may have been deleted, or belong to another server.`}
          />
        </Layout>,
        404,
      );
    }
  };
}

/** Whether HTML stands in an Accept header, and before JSON where both do. */
function prefersHtml(accept = ""): boolean {
  const html = accept.indexOf("text/html");
  const json = accept.indexOf("application/json");
  return html >= 0 && (json < 0 || html < json);
}
