import type { HealthCheck, HealthFinding, HealthReport } from "../protocol/health.ts";

/** What was measured of one layer. */
export type LayerFigures =
  & { layer: string }
  & Record<string, string | number | null | readonly number[]>;

/** Layers that a report shows, so that a receipt stays within what the store takes (64 KiB). */
const LAYERS = 64;
/** Findings that a report shows; past these the model is ill all over. */
const FINDINGS = 30;

/** Puts a report together: the worst findings first, figures rounded to four digits. */
export function healthReport(
  check: HealthCheck,
  findings: readonly HealthFinding[],
  figures: Record<string, number | null>,
  layers: readonly LayerFigures[] = [],
): HealthReport {
  const fails = findings.filter(({ status }) => status === "fail");
  const warns = findings.filter(({ status }) => status === "warn");
  const worst = [...fails, ...warns].slice(0, FINDINGS);
  const ill = new Set(worst.map(({ layer }) => layer));
  const shown = layers.length <= LAYERS ? layers : [
    ...layers.filter(({ layer }) => ill.has(layer)),
    ...layers.filter(({ layer }) => !ill.has(layer)),
  ].slice(0, LAYERS);
  return {
    check,
    status: fails.length > 0 ? "fail" : warns.length > 0 ? "warn" : "ok",
    findings: worst.map((finding) => ({ ...finding, value: rounded(finding.value) })),
    figures: roundedFigures({
      ...figures,
      ...(findings.length > worst.length ? { findings: findings.length } : {}),
      ...(layers.length > shown.length ? { layers: layers.length } : {}),
    }),
    layers: shown.map((layer) => roundedFigures(layer)),
  };
}

/** A value beyond `warn`, or `fail`, becomes a finding; above them unless `below` says otherwise. */
export function judged(
  { value, warn, fail = Infinity, below = false, ...rest }:
    & Pick<HealthFinding, "figure" | "layer" | "advice">
    & { value: number; warn: number; fail?: number; below?: boolean },
): HealthFinding[] {
  const beyond = (limit: number) => below ? value < limit : value > limit;
  if (Number.isFinite(fail) && beyond(fail)) {
    return [{ status: "fail", value, threshold: fail, ...rest }];
  }
  return beyond(warn) ? [{ status: "warn", value, threshold: warn, ...rest }] : [];
}

function roundedFigures<T extends Record<string, unknown>>(figures: T): T {
  const entries = Object.entries(figures).map(([name, value]) => [
    name,
    typeof value === "number" || value === null
      ? rounded(value)
      : Array.isArray(value)
      ? value.map(rounded)
      : value,
  ]);
  return Object.fromEntries(entries) as T;
}

function rounded(value: number | null): number | null {
  return value === null || !Number.isFinite(value) ? null : Number(value.toPrecision(4));
}
