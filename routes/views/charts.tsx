/** A chart: its caption, and which metric draws which of its lines. */
interface Chart {
  id: string;
  title: string;
  /** Metric names; the dash pattern tells them apart. */
  train: string;
  val?: string;
  /** Drawn as diamonds. */
  test?: string;
  /** What its figures are in, where that is written otherwise than a plain number. */
  unit?: "bytes";
}

const MAIN: readonly Chart[] = [
  { id: "loss", title: "Loss", train: "loss", val: "val_loss", test: "test_loss" },
  {
    id: "accuracy",
    title: "Accuracy",
    train: "accuracy",
    val: "val_accuracy",
    test: "test_accuracy",
  },
];

/** Small charts that are shown together: one group at a time. */
interface ChartGroup {
  id: string;
  title: string;
  charts: readonly Chart[];
}

const GROUPS: readonly ChartGroup[] = [
  {
    id: "training",
    title: "Training",
    charts: [
      { id: "lr", title: "Learning rate", train: "lr" },
      { id: "grad_norm", title: "Gradient norm", train: "grad_norm" },
      { id: "weight_norm", title: "Weight norm", train: "weight_norm" },
      { id: "throughput", title: "Samples/s", train: "throughput" },
    ],
  },
  {
    id: "model",
    title: "Model",
    charts: [
      { id: "update_ratio", title: "Update ratio", train: "update_ratio" },
      { id: "activation_zero_frac", title: "Zero activations", train: "activation_zero_frac" },
    ],
  },
  {
    id: "worker",
    title: "Worker",
    charts: [
      { id: "data_wait", title: "Data wait", train: "data_wait" },
      { id: "mem_rss", title: "Process memory", train: "mem_rss", unit: "bytes" },
      { id: "mem_heap", title: "Heap", train: "mem_heap", unit: "bytes" },
      { id: "mem_tensors", title: "Tensors", train: "mem_tensors", unit: "bytes" },
    ],
  },
  {
    id: "gpu",
    title: "GPU",
    charts: [
      { id: "gpu_util", title: "GPU use", train: "gpu_util" },
      { id: "mem_vram", title: "GPU memory", train: "mem_vram", unit: "bytes" },
    ],
  },
];

/** The chart of one figure alone, named as a job's page names it. */
export function metricChart(metric: string): Chart {
  const own = GROUPS.flatMap(({ charts }) => charts).find(({ train }) => train === metric);
  if (own !== undefined) return own;
  const words = metric.replace(/^val_/, "validation ").replaceAll("_", " ");
  return { id: metric, title: words[0]?.toUpperCase() + words.slice(1), train: metric };
}

/** What `static/extra_charts.js` fills in for each figure that a module has of its own. */
const OWN: Chart = { id: "own", title: "", train: "", val: "", test: "" };

/** The charts of a job and the one toolbar that they share. `static/job_charts.js` draws them. */
export function Charts({ waiting }: { waiting: string }) {
  return (
    <section class="charts" aria-label="Charts" id="charts">
      <ChartToolbar axes={["step", "axis", "epoch", "time"]} />
      <div class="charts-main">
        {MAIN.map((chart) => <ChartFigure key={chart.id} chart={chart} waiting={waiting} />)}
      </div>
      <div class="chart-groups" role="group" aria-label="Small charts">
        {GROUPS.map(({ id, title }, at) => (
          <button
            key={id}
            type="button"
            class="quiet"
            data-chart-group={id}
            aria-pressed={at === 0 ? "true" : "false"}
            aria-controls={`charts-${id}`}
          >
            {title}
          </button>
        ))}
      </div>
      {GROUPS.map(({ id, charts }, at) => (
        <div key={id} class="charts-small" id={`charts-${id}`} hidden={at > 0}>
          {charts.map((chart) => (
            <ChartFigure key={chart.id} chart={chart} waiting={at === 0 ? "" : "not measured"} />
          ))}
        </div>
      ))}
      <template id="chart-template">
        <ChartFigure chart={OWN} waiting="" />
      </template>
    </section>
  );
}

/** A chart's place: caption, readout, menu, and where its plot and its table go. */
export function ChartFigure(
  { chart, waiting, hidden }: { chart: Chart; waiting: string; hidden?: boolean },
) {
  return (
    <figure
      class="chart"
      id={`chart-${chart.id}`}
      hidden={hidden}
      data-chart={chart.id}
      data-title={chart.title}
      data-train={chart.train}
      data-val={chart.val}
      data-test={chart.test}
      data-unit={chart.unit}
    >
      <figcaption>
        <h2>{chart.title}</h2>
        {chart.val !== undefined && (
          <ul class="legend" aria-label="Lines">
            <li>
              <svg width="20" height="8" aria-hidden="true">
                <path class="line" d="M0 4h20" />
              </svg>
              train
            </li>
            <li>
              <svg width="20" height="8" aria-hidden="true">
                <path class="line dashed" d="M0 4h20" />
              </svg>
              val
            </li>
            <li>
              <svg width="10" height="10" aria-hidden="true">
                <path class="dot" d="M5 .5L9.5 5L5 9.5L.5 5z" />
              </svg>
              test
            </li>
          </ul>
        )}
        <output class="readout" data-readout></output>
        <details class="menu chart-menu" data-menu>
          <summary class="quiet" aria-label={`${chart.title}: table and downloads`}>⋯</summary>
          <div class="menu-items">
            <button type="button" data-chart-action="table">Show as table</button>
            <button type="button" data-chart-action="png">Save PNG</button>
            <button type="button" data-chart-action="csv">Save CSV</button>
          </div>
        </details>
      </figcaption>
      <div class="plot" data-plot>
        <p class="plot-empty" data-empty>{waiting}</p>
      </div>
      <div class="chart-table" data-table hidden tabindex={0}></div>
    </figure>
  );
}

const AXES = { step: "step", axis: "axis step", epoch: "epoch", time: "wall time" };

/**
 * The settings that charts share.
 *
 * @param axes What x can be; the first is what it is at first.
 */
export function ChartToolbar({ axes }: { axes: readonly (keyof typeof AXES)[] }) {
  return (
    <form class="chart-toolbar" data-chart-toolbar aria-label="Chart settings">
      <div>
        <label for="chart-x">x</label>
        <select name="x" id="chart-x">
          {axes.map((axis) => <option key={axis} value={axis}>{AXES[axis]}</option>)}
        </select>
      </div>
      <div>
        <label for="chart-y">y</label>
        <select name="y" id="chart-y">
          <option value="linear">linear</option>
          <option value="log">log</option>
        </select>
      </div>
      <div>
        <label for="chart-smooth">smoothing</label>
        <input
          type="range"
          name="smooth"
          id="chart-smooth"
          min="0"
          max="0.99"
          step="0.01"
          value="0"
        />
        <output data-smooth class="number" for="chart-smooth">0</output>
      </div>
      <fieldset class="range">
        <legend class="visually-hidden">Range of steps</legend>
        <label for="chart-from">steps</label>
        <input type="number" name="from" id="chart-from" min="0" step="1" placeholder="first" />
        <label for="chart-to">
          <span aria-hidden="true">–</span>
          <span class="visually-hidden">to step</span>
        </label>
        <input type="number" name="to" id="chart-to" min="0" step="1" placeholder="last" />
        <button type="button" data-zoom-reset disabled title="Or double-click a chart">
          Reset zoom
        </button>
      </fieldset>
    </form>
  );
}
