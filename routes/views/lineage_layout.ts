import { Graph, layout } from "@dagrejs/dagre";
import type { JobManifest } from "../../jobs/job.ts";

/** Width and height of a node, in pixels. */
export const NODE = { width: 272, height: 108 };

const MARGIN = 8;
const BETWEEN_GENERATIONS = 56;
const BETWEEN_SIBLINGS = 16;
/** How much more a fork's line counts than a merge's when lines are made short. */
const FORK_WEIGHT = 100;

/** Where a job stands: its upper left corner. */
export interface NodePlace {
  x: number;
  y: number;
}

/** The line from a parent to its child, as the `d` of a path. */
export interface EdgePath {
  parent: string;
  child: string;
  d: string;
}

/** A lineage as it is drawn, in pixels. */
export interface LineageLayout {
  width: number;
  height: number;
  places: Map<string, NodePlace>;
  edges: EdgePath[];
}

/**
 * Lays a session's jobs out from left to right, a generation a column: forks to the right of what
 * they were forked from, a merge to the right of all its parents. The same jobs give the same
 * picture. Parents that are not among the jobs have no line.
 *
 * @param jobs In the order in which they were made.
 */
export function lineageLayout(
  jobs: readonly Pick<JobManifest, "id" | "parents">[],
): LineageLayout {
  const graph = new Graph();
  graph.setGraph({
    rankdir: "LR",
    nodesep: BETWEEN_SIBLINGS,
    ranksep: BETWEEN_GENERATIONS,
    edgesep: BETWEEN_SIBLINGS,
    marginx: MARGIN,
    marginy: MARGIN,
  });
  for (const { id } of jobs) graph.setNode(id, { ...NODE });
  for (const { id, parents } of jobs) {
    // A fork stands beside what it was forked from, even where only a late merge needs it.
    const weight = parents.length > 1 ? 1 : FORK_WEIGHT;
    for (const parent of new Set(parents)) {
      if (graph.hasNode(parent)) graph.setEdge(parent, id, { weight });
    }
  }
  layout(graph);
  // dagre puts the first of several siblings lowest, and leaves lines out of the height it tells.
  const lines = graph.edges().map((edge) => graph.edge(edge).points ?? []);
  const corners = jobs.flatMap(({ id }) => {
    const { y = 0 } = graph.node(id);
    return [y - NODE.height / 2, y + NODE.height / 2];
  });
  const heights = [...corners, ...lines.flat().map(({ y }) => y)];
  const lowest = Math.max(...heights, 0) + MARGIN;
  const upright = ({ x = 0, y = 0 }: { x?: number; y?: number }) => ({ x, y: lowest - y });
  return {
    width: Math.ceil(graph.graph().width ?? 0),
    height: Math.ceil(lowest - Math.min(...heights, lowest - MARGIN) + MARGIN),
    places: new Map(jobs.map(({ id }) => {
      const { x, y } = upright(graph.node(id));
      return [id, { x: x - NODE.width / 2, y: y - NODE.height / 2 }];
    })),
    edges: graph.edges().map(({ v: parent, w: child }, at) => {
      // The ends stand at the middle of the nodes' sides; between two columns nothing is in the way.
      const inner = lines[at]?.slice(1, -1) ?? [];
      const [from, to] = [upright(graph.node(parent)), upright(graph.node(child))];
      const start = { x: from.x + NODE.width / 2, y: from.y };
      const end = { x: to.x - NODE.width / 2, y: to.y };
      const way = inner.length > 1 ? inner.map(upright) : [];
      return { parent, child, d: smoothPath([start, ...way, end]) };
    }),
  };
}

/** A curve through points from left to right that is level at each of them. */
function smoothPath(points: { x: number; y: number }[]): string {
  return points.map(({ x, y }, at) => {
    const before = points[at - 1];
    if (before === undefined) return `M${round(x)} ${round(y)}`;
    const middle = round((before.x + x) / 2);
    return `C${middle} ${round(before.y)} ${middle} ${round(y)} ${round(x)} ${round(y)}`;
  }).join("");
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}
