import { Hono } from "hono";
import { NotFoundError } from "../jobs/errors.ts";
import type { SuspectsRecord } from "../runtime/protocol/suspects.ts";
import type { AppDeps } from "./app_deps.ts";
import { parseQuery } from "./parse.ts";
import { SuspectItemsQuery } from "./schemas.ts";

/** What was found among a job's samples that somebody should look at. */
export function suspectRoutes({ jobs: { inspection } }: AppDeps): Hono {
  return new Hono()
    .get("/jobs/:id/suspects", async (c) => {
      const items = (await inspection.searches(c.req.param("id"))).map(searchView);
      return c.json({ items, next_cursor: null });
    })
    .get("/jobs/:id/suspects/:run", async (c) => {
      const { id, run } = c.req.param();
      return c.json(searchView(await inspection.search(id, numberOf(run))));
    })
    .get("/jobs/:id/suspects/:run/items", async (c) => {
      const { id, run } = c.req.param();
      const query = parseQuery(c, SuspectItemsQuery);
      return c.json(await inspection.suspects(id, numberOf(run), query));
    });
}

/** A search as the API shows it: with its address. */
function searchView(search: SuspectsRecord) {
  const self = `/jobs/${search.job}/suspects/${search.run}`;
  return { ...search, links: { self, items: `${self}/items` } };
}

function numberOf(text: string): number {
  if (/^[1-9]\d{0,5}$/.test(text)) return Number(text);
  throw new NotFoundError("suspects", text);
}
