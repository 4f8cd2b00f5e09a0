import { Client } from "../tasks/client.ts";
import { startServer } from "../tasks/server_process.ts";

/** Runs `use` against a server of its own, on a fresh data folder that is removed afterwards. */
export async function withServer<T>(use: (client: Client) => Promise<T>): Promise<T> {
  const dataDir = await Deno.makeTempDir({ prefix: "onthefly-bench-" });
  try {
    const server = await startServer({ dataDir });
    try {
      return await use(new Client(server.url));
    } finally {
      await server.stop();
    }
  } finally {
    await Deno.remove(dataDir, { recursive: true });
  }
}
