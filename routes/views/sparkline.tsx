import type { MetricPoint } from "../../jobs/events/metrics_store.ts";

const WIDTH = 96;
const HEIGHT = 20;

/** A loss curve small enough for a table row; empty until there are two points. */
export function Sparkline({ points, colour }: { points: MetricPoint[]; colour: number }) {
  const values = points.map((point) => point.last).filter((value) => value !== null);
  if (values.length < 2) {
    return <svg class="sparkline" width={WIDTH} height={HEIGHT} aria-hidden="true" />;
  }
  const low = Math.min(...values);
  const range = Math.max(...values) - low || 1;
  const path = values.map((value, position) => {
    const x = (position / (values.length - 1)) * (WIDTH - 2) + 1;
    const y = HEIGHT - 2 - ((value - low) / range) * (HEIGHT - 4);
    return `${position === 0 ? "M" : "L"}${x.toFixed(1)} ${y.toFixed(1)}`;
  }).join("");
  return (
    <svg
      class={`sparkline colour-${colour}`}
      width={WIDTH}
      height={HEIGHT}
      viewBox={`0 0 ${WIDTH} ${HEIGHT}`}
      aria-hidden="true"
    >
      <path d={path} />
    </svg>
  );
}
