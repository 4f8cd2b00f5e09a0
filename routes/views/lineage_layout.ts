import { Graph, layout } from "@dagrejs/dagre";
import type { JobManifest } from "../../jobs/job.ts";

/** Width and height of a node, in pixels. */
export const NODE = { width: 272, height: 108 };

const MARGIN = 8;
const BETWEEN_GENERATIONS = 56;
const BETWEEN_SIBLINGS = 16;

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
  graph.setDefaultEdgeLabel(() => ({}));
  for (const { id } of jobs) graph.setNode(id, { ...NODE });
  for (const { id, parents } of jobs) {
    for (const parent of new Set(parents)) if (graph.hasNode(parent)) graph.setEdge(parent, id);
  }
  layout(graph);
  const { width = 0, height = 0 } = graph.graph();
  const centre = (id: string) => {
    const { x = 0, y = 0 } = graph.node(id);
    return { x, y };
  };
  return {
    width: Math.ceil(width),
    height: Math.ceil(height),
    places: new Map(jobs.map(({ id }) => {
      const { x, y } = centre(id);
      return [id, { x: x - NODE.width / 2, y: y - NODE.height / 2 }];
    })),
    edges: graph.edges().map(({ v: parent, w: child }) => {
      // The ends stand at the middle of the nodes' sides; between two columns nothing is in the way.
      const inner = graph.edge(parent, child).points?.slice(1, -1) ?? [];
      const [from, to] = [centre(parent), centre(child)];
      const start = { x: from.x + NODE.width / 2, y: from.y };
      const end = { x: to.x - NODE.width / 2, y: to.y };
      return { parent, child, d: smoothPath([start, ...inner.length > 1 ? inner : [], end]) };
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
