import { Hono } from "hono";
import type { AppDeps } from "./app_deps.ts";
import { backendRoutes } from "./backends.ts";
import { checkpointRoutes } from "./checkpoints.ts";
import { commandRoutes } from "./commands.ts";
import { datasetRoutes } from "./datasets.ts";
import { errorHandler, notFoundHandler } from "./errors.ts";
import { eventRoutes } from "./events.ts";
import { healthRoutes } from "./health.ts";
import { improveRoutes } from "./improve.ts";
import { jobRoutes } from "./jobs.ts";
import { loginRoutes } from "./login.ts";
import { metricRoutes } from "./metrics.ts";
import { openapiRoutes } from "./openapi.ts";
import { pageRoutes } from "./pages.tsx";
import { security } from "./security.ts";
import { reportRoutes } from "./reports.ts";
import { sessionRoutes } from "./sessions.ts";
import { suspectRoutes } from "./suspects.ts";

/** The route table. Pages come first: they take what asks for HTML and leave the rest. */
export function createApp(deps: AppDeps): Hono {
  const app = new Hono();
  app.use(security(deps.config));
  app.onError(errorHandler(deps));
  app.notFound(notFoundHandler);
  for (
    const routes of [
      loginRoutes,
      pageRoutes,
      healthRoutes,
      jobRoutes,
      commandRoutes,
      eventRoutes,
      metricRoutes,
      checkpointRoutes,
      reportRoutes,
      suspectRoutes,
      sessionRoutes,
      improveRoutes,
      datasetRoutes,
      backendRoutes,
      openapiRoutes,
    ]
  ) app.route("/", routes(deps));
  return app;
}
