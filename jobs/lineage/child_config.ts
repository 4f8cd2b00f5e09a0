import { renameKeys, toSnakeCase } from "../../runtime/protocol/naming.ts";
import type { PartialJobConfig } from "../../runtime/protocol/job_config.ts";

/** Keys whose values are records that a child sets one by one. */
const RECORDS = ["hparams", "model_args"] as const;

/**
 * Config of a child: its parent's with what the request sets, both snake_case. The module's own
 * hyperparameters and the arguments of its model are set one by one.
 */
export function childConfig(
  parent: Record<string, unknown>,
  asked: Record<string, unknown>,
): Record<string, unknown> {
  const config = { ...parent, ...asked };
  for (const key of RECORDS) {
    if (asked[key] !== undefined) config[key] = { ...parent[key] ?? {}, ...asked[key] as object };
  }
  return config;
}

/** Config without what only the module that declares it understands. */
export function withoutModules(config: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(config).filter(([key]) => !RECORDS.some((record) => record === key)),
  );
}

/** Config that a request set, as the wire has it. */
export function wireConfig(config: PartialJobConfig): Record<string, unknown> {
  const given = Object.entries(config).filter(([, value]) => value !== undefined);
  return renameKeys(Object.fromEntries(given), toSnakeCase);
}
