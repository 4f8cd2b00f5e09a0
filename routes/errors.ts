import type { Context, ErrorHandler, NotFoundHandler } from "hono";
import { html } from "hono/html";
import type { ContentfulStatusCode } from "hono/utils/http-status";
import type { AppDeps } from "./app_deps.ts";
import { OPERATIONS } from "./operations.ts";
import { type Problem, problemOf } from "./problem.ts";
import { RequestError } from "./request_error.ts";

/** Answers every error: problem+json, or for htmx the same as a fragment. Logs what it does not know. */
export function errorHandler(deps: Pick<AppDeps, "logger">): ErrorHandler {
  return (error, c) => {
    const problem = problemOf(error);
    if (problem.status === 500) {
      deps.logger.error("{method} {path} failed: {error}", {
        method: c.req.method,
        path: c.req.path,
        id: problem["id"],
        error,
      });
    }
    return renderProblem(c, problem);
  };
}

/** Answers a path that nothing is at, or that does not take the method. */
export const notFoundHandler: NotFoundHandler = (c) => {
  const { method, path } = c.req;
  const allowed = methodsAt(path);
  if (allowed.length === 0) {
    return renderProblem(c, problemOf(new RequestError("not-found", `nothing is at ${path}`)));
  }
  c.header("Allow", allowed.join(", "));
  const detail = `${path} takes ${allowed.join(", ")}, not ${method}`;
  return renderProblem(c, problemOf(new RequestError("method-not-allowed", detail, { allowed })));
};

/** Methods that the API takes at a path. */
function methodsAt(path: string): string[] {
  return OPERATIONS
    .filter((operation) => new RegExp(`^${operation.path.replace(/:\w+/g, "[^/]+")}$`).test(path))
    .map((operation) => operation.method.toUpperCase());
}

/** A problem as the client reads it. */
export function renderProblem(c: Context, problem: Problem): Response | Promise<Response> {
  const status = problem.status as ContentfulStatusCode;
  if (status === 401) c.header("WWW-Authenticate", 'Bearer realm="onthefly"');
  if (status === 503) c.header("Retry-After", "1");
  // What is left of a refused body is not read, so the connection cannot be used again.
  if (status === 413) c.header("Connection", "close");
  if (c.req.header("HX-Request") === "true") {
    return c.html(
      html`
        <div class="problem" role="alert"
          data-field="${problem.field ?? ""}"><strong>${problem.title}</strong> ${problem
            .detail}</div>
      `,
      status,
    );
  }
  return c.body(JSON.stringify(problem), status, { "Content-Type": "application/problem+json" });
}
