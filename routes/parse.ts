import type { z } from "zod";
import type { Context } from "hono";
import { UnprocessableError } from "../jobs/errors.ts";
import {
  DEFAULT_JOB_CONFIG,
  parseWireConfig,
  type PartialJobConfig,
  toWireConfig,
} from "../runtime/protocol/job_config.ts";
import { schemaFault } from "../runtime/protocol/schema_fault.ts";
import { nearestName } from "./nearest_name.ts";
import { readJson } from "./read_body.ts";

/** Most bytes of a control call's body. */
const BODY_LIMIT = 2 ** 20;

const CONFIG_KEYS = Object.keys(toWireConfig(DEFAULT_JOB_CONFIG));

/** Reads a control call's JSON body; none at all counts as `{}`. */
export async function parseBody<S extends z.ZodObject>(
  c: Context,
  schema: S,
  limit = BODY_LIMIT,
): Promise<z.output<S>> {
  return parseValue(schema, await readJson(c.req.raw, limit) ?? {});
}

/** Reads the query string. Each key may come once. */
export function parseQuery<S extends z.ZodObject>(c: Context, schema: S): z.output<S> {
  return parseValue(schema, queryRecord(c));
}

/** The query string as a record. */
export function queryRecord(c: Context): Record<string, string> {
  return Object.fromEntries(
    Object.entries(c.req.queries()).map(([key, values]) => {
      if (values.length > 1) throw new UnprocessableError(key, `${key} is given more than once`);
      return [key, values[0]!];
    }),
  );
}

/**
 * Parses a value.
 *
 * @param at Where the value is in the request, when it is not the whole of it.
 * @throws {UnprocessableError} that names the field.
 */
export function parseValue<S extends z.ZodObject>(
  schema: S,
  value: unknown,
  at?: string,
): z.output<S> {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0]!;
  const path = [...(at === undefined ? [] : [at]), ...issue.path.map(String)];
  if (issue.code !== "unrecognized_keys") {
    const field = path.join(".");
    throw new UnprocessableError(
      field,
      field === "" ? schemaFault(issue) : `${field}: ${schemaFault(issue)}`,
    );
  }
  const key = issue.keys[0]!;
  const known = issue.path.length === 0 ? Object.keys(schema.shape) : [];
  throw unknownKey([...path, key].join("."), key, known);
}

/** Parses a config as the wire gives it. @throws {UnprocessableError} that names the key. */
export function parseConfig(config: Record<string, unknown>): PartialJobConfig {
  for (const key of Object.keys(config)) {
    if (!CONFIG_KEYS.includes(key)) throw unknownKey(`config.${key}`, key, CONFIG_KEYS);
  }
  return parseWireConfig(config);
}

function unknownKey(field: string, key: string, known: readonly string[]): UnprocessableError {
  const nearest = nearestName(key, known);
  const hint = nearest !== null
    ? `; did you mean ${nearest}?`
    : known.length > 0
    ? `; known: ${known.join(", ")}`
    : "";
  return new UnprocessableError(
    field,
    `${field} is not known${hint}`,
    nearest === null ? {} : { did_you_mean: nearest },
  );
}
