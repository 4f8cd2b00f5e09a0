import type { Dashboard } from "./dashboard.ts";
import { LINE_MODULE } from "./dashboard.ts";

/** A job of the test's own, training until the test ends. */
export async function trainingJob(
  { server }: Dashboard,
): Promise<AsyncDisposable & { id: string }> {
  const id = await server.submit(LINE_MODULE);
  await reached({ server }, id, 1);
  return {
    id,
    [Symbol.asyncDispose]: async () => void await server.call("POST", `/jobs/${id}/stop`),
  };
}

/** Waits until a job has trained for so long. */
export async function reached(
  { server }: Pick<Dashboard, "server">,
  job: string,
  step: number,
): Promise<void> {
  const events = `/jobs/${job}/events?types=trainStep`;
  await server.event(events, (event) => Number(event.data["step"]) >= step);
}
