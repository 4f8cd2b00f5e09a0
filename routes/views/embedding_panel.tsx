import type {
  EmbeddingSummary,
  ReportRecord,
  SampleCluster,
} from "../../runtime/protocol/report.ts";
import type { Selection } from "../../runtime/protocol/selection.ts";
import { decimal, percent, whole } from "../../static/figures.js";

/** Labels of a cluster that its row names. */
const MOST_LABELS = 2;

/** Which samples are alike: their places in a plane, and their clusters. */
export function EmbeddingPanel({ report }: { report: ReportRecord }) {
  const { embedding } = report;
  return (
    <section class="panel places-panel" id="places-panel" aria-labelledby="places-title">
      <header>
        <h2 id="places-title">Which are alike</h2>
        {embedding !== null && (
          <p class="dim">
            by the outputs of {embedding.source}, {whole(embedding.width)} wide
            {embedding.silhouette !== null && `; silhouette ${decimal(embedding.silhouette)}`}
          </p>
        )}
      </header>
      {embedding === null
        ? (
          <p class="dim">
            This report did not ask. A new one with “Which samples are alike” groups them and lays
            them out.
          </p>
        )
        : (
          <div class="places">
            {embedding.projection !== "none" && <Scatter report={report} />}
            <Clusters report={report} embedding={embedding} />
          </div>
        )}
    </section>
  );
}

function Scatter({ report }: { report: ReportRecord }) {
  const labels = report.columns.some(({ name }) => name === "label");
  return (
    <div class="scatter">
      <div class="scatter-tools">
        <label for="colour-by">Colour</label>
        <select id="colour-by">
          <option value="cluster">cluster</option>
          <option value="loss">loss</option>
          {labels && <option value="label">label</option>}
        </select>
        <ul class="legend" data-loss-legend hidden>
          <li>low</li>
          {[0, 1, 2, 3, 4].map((at) => <li key={at} class="swatch" data-ramp={String(at)}></li>)}
          <li>high loss</li>
        </ul>
        <span class="grow"></span>
        <span class="dim">Draw around samples to pick them</span>
      </div>
      <div class="scatter-plot" data-scatter>
        <canvas
          role="img"
          aria-label={`${whole(report.samples)} samples in a plane; its clusters are in the table`}
        />
      </div>
      <p class="dim" data-drawn></p>
    </div>
  );
}

function Clusters({ report, embedding }: { report: ReportRecord; embedding: EmbeddingSummary }) {
  return (
    <div class="scroll" tabindex={0} aria-label="Clusters">
      <table class="data clusters">
        <thead>
          <tr>
            <th scope="col">Cluster</th>
            <th scope="col" class="number">Samples</th>
            <th scope="col" class="number">Mean loss</th>
            <th scope="col" class="number">Right</th>
            <th scope="col">Labels</th>
            <th scope="col">
              <span class="visually-hidden">Actions</span>
            </th>
          </tr>
        </thead>
        <tbody>
          {embedding.clusters.map((cluster) => (
            <ClusterRow
              key={cluster.value}
              report={report}
              embedding={embedding}
              cluster={cluster}
            />
          ))}
        </tbody>
      </table>
    </div>
  );
}

function ClusterRow(
  { report, embedding, cluster }: {
    report: ReportRecord;
    embedding: EmbeddingSummary;
    cluster: SampleCluster;
  },
) {
  const selection: Selection = {
    kind: "kmeans",
    k: embedding.k,
    clusters: [cluster.value],
    ...(embedding.layer === null ? {} : { layer: embedding.layer }),
  };
  const rule = JSON.stringify(selection);
  return (
    <tr>
      <td>
        <span class={`swatch colour-${cluster.value % 8}`} aria-hidden="true"></span>{" "}
        {cluster.value}
      </td>
      <td class="number">{whole(cluster.count)}</td>
      <td class="number">{decimal(cluster.mean_loss)}</td>
      <td class="number">{percent(cluster.accuracy)}</td>
      <td class="cluster-labels">{labelMix(cluster)}</td>
      <td class="row-actions">
        <button
          type="button"
          data-pick={rule}
          data-count={String(cluster.count)}
          aria-label={`Pick cluster ${cluster.value}`}
        >
          Pick
        </button>{" "}
        {report.split === "train" && (
          <button
            type="button"
            data-pick={rule}
            data-count={String(cluster.count)}
            data-then="fork"
            aria-label={`Fork cluster ${cluster.value}`}
          >
            Fork…
          </button>
        )}
      </td>
    </tr>
  );
}

/** `3 43%, 9 40%`: its most frequent labels, each with its share. */
function labelMix({ count, labels }: SampleCluster): string {
  return labels.slice(0, MOST_LABELS)
    .map(({ value, name, count: of }) => `${name ?? value} ${Math.round(of / count * 100)}%`)
    .join(", ");
}
