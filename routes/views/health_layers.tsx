import type { HealthCheck, HealthReport } from "../../runtime/protocol/health.ts";
import { decimal } from "../../static/figures.js";

type Layer = HealthReport["layers"][number];

/** Size of a histogram's drawing, in CSS pixels. */
const WIDTH = 80;
const HEIGHT = 18;

/** What was measured of each layer, folded away: a row a layer, a column a figure. */
export function HealthLayers({ check, layers }: { check: HealthCheck; layers: Layer[] }) {
  const columns = [...new Set(layers.flatMap((layer) => Object.keys(layer)))]
    .filter((name) => name !== "layer");
  return (
    <details id={`health-layers-${check}`}>
      <summary>{layers.length} layers</summary>
      <div class="scroll" tabindex={0}>
        <table class="data">
          <thead>
            <tr>
              <th scope="col">layer</th>
              {columns.map((name) => <th key={name} scope="col" class="number">{name}</th>)}
            </tr>
          </thead>
          <tbody>
            {layers.map((layer) => (
              <tr>
                <th scope="row">{layer.layer}</th>
                {columns.map((name) => <td key={name} class="number">{cell(layer[name])}</td>)}
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </details>
  );
}

function cell(value: unknown) {
  if (typeof value === "string") return value;
  if (Array.isArray(value)) return <Histogram counts={value as number[]} />;
  return decimal(typeof value === "number" ? value : null);
}

function Histogram({ counts }: { counts: number[] }) {
  const most = Math.max(...counts, 1);
  const step = WIDTH / counts.length;
  const path = counts.map((count, at) => {
    const height = HEIGHT * count / most;
    return `M${(at * step).toFixed(1)} ${HEIGHT}v${(-height).toFixed(1)}h${
      (step - 0.5).toFixed(1)
    }v${height.toFixed(1)}z`;
  }).join("");
  return (
    <svg
      class="histogram"
      width={WIDTH}
      height={HEIGHT}
      role="img"
      aria-label={`Histogram: ${counts.join(", ")}`}
    >
      <path d={path} />
    </svg>
  );
}
