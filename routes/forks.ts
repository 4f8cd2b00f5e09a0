import type { Context } from "hono";
import type { z } from "zod";
import type { ControlPlane, ForkRequest } from "../jobs/control_plane.ts";
import { UnprocessableError } from "../jobs/errors.ts";
import { JobConfigError, type PartialJobConfig } from "../runtime/protocol/job_config.ts";
import { idempotencyOf } from "./idempotency.ts";
import { manifestView } from "./manifest_view.ts";
import { parseConfig } from "./parse.ts";
import type { ForkBody } from "./schemas.ts";

type Top = Omit<z.output<typeof ForkBody>, "children">;
type Part = NonNullable<z.output<typeof ForkBody>["children"]>[number];

/** The fork that a body without `children` asks for. */
export function forkRequest(top: Top): ForkRequest {
  return requestOf(top, {}, parseConfig(top.config));
}

/** Makes the children of one call, and answers them as a list with what they share. */
export async function forkAll(
  c: Context,
  jobs: ControlPlane,
  { parent, actor }: { parent: string; actor: string },
  top: Top,
  children: readonly Part[],
): Promise<Response> {
  const shared = parseConfig(top.config);
  const requests = children.map((own, child) =>
    requestOf(top, own, { ...shared, ...childConfig(own, child) })
  );
  const idempotency = await idempotencyOf(c, { children: requests });
  const made = await jobs.forkAll(parent, requests, actor, idempotency);
  c.header("Location", `/sessions/${made.jobs[0]!.session}`);
  if (made.replayed) c.header("Idempotency-Replayed", "true");
  return c.json({ items: made.jobs.map(manifestView), overlap: made.overlap }, 201);
}

/** A child's own words over those at the top. */
function requestOf(top: Top, own: Part, config: PartialJobConfig): ForkRequest {
  // The schema has seen to it that one of the two has a selection.
  return { ...top, ...own, config } as ForkRequest;
}

function childConfig({ config = {} }: Part, child: number): PartialJobConfig {
  try {
    return parseConfig(config);
  } catch (error) {
    const at = `children.${child}`;
    if (error instanceof JobConfigError) {
      throw new UnprocessableError(`${at}.config.${error.field}`, `${at}.${error.message}`);
    }
    if (!(error instanceof UnprocessableError)) throw error;
    throw new UnprocessableError(`${at}.${error.field}`, `${at}.${error.message}`, error.extra);
  }
}
