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
