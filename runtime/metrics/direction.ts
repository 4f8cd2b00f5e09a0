import type { Metrics } from "./metric.ts";

/** Whether less or more of a figure is better. */
export type Direction = "min" | "max";

/** Which way a figure gets better, told from its name: less of what sounds like an error. */
export function directionByName(name: string): Direction {
  return /loss|error|mae|mse|rmse/i.test(name) ? "min" : "max";
}

/**
 * Which way each of the figures of a validation gets better. One whose metric says `null` gets
 * better in no way and is left out; where a metric says nothing, and in a step of the module's own,
 * the name says it.
 *
 * @param figures By name, `name/part` where a metric has several.
 */
export function directionsOf(
  metrics: Metrics,
  figures: Readonly<Record<string, unknown>>,
): Record<string, Direction> {
  const known = Object.keys(figures).flatMap((figure) => {
    const metric = metrics[figure] ?? metrics[figure.split("/")[0]!];
    const { direction = directionByName(figure) } = metric ?? {};
    return direction === null ? [] : [[figure, direction] as const];
  });
  return Object.fromEntries(known);
}
