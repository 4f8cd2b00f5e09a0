import type { Dashboard } from "./dashboard.ts";

/** A root with three clouds of points, two forks of it side by side, and their judged merge. */
export interface SmallLineage {
  session: string;
  root: string;
  hard: string;
  rest: string;
  merged: string;
}

/** Trains one on a real server, in seconds; the root is tested twice, a fork and the merge once. */
export async function smallLineage({ server }: Dashboard): Promise<SmallLineage> {
  const source = await Deno.readTextFile(new URL("../fixtures/clusters.ts", import.meta.url));
  const root = await server.submit(source, { test_after: true });
  const session = String((await server.state(root, "completed"))["session"]);
  const fork = async (run_name: string, from: number, to: number, lr_mul: number) => {
    const selection = { kind: "quantile", from, to };
    const config = { max_epochs: 3, test_after: run_name === "hard" };
    const { body } = await server.call("POST", `/jobs/${root}/fork`, {
      run_name,
      selection,
      lr_mul,
      config,
    });
    return String(body["id"]);
  };
  const hard = await fork("hard", 0.6, 1, 0.5);
  const rest = await fork("rest", 0, 0.6, 1);
  for (const job of [hard, rest]) await server.state(job, "completed");
  const { body } = await server.call("POST", `/jobs/${hard}/merge`, {
    run_name: "merged",
    with: [rest],
    strategy: "swa",
    gate: { metric: "accuracy" },
  });
  const merged = String(body["id"]);
  await server.state(merged, "parked");
  for (const job of [root, merged]) await server.call("POST", `/jobs/${job}/test`, {});
  return { session, root, hard, rest, merged };
}
