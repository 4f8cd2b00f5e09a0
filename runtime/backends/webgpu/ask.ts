/**
 * Process entry: says in one line of JSON which GPU WebGPU answers with, once values came back from
 * it. A process of its own, since a driver can bring its process down.
 */
import { requestAdapter } from "./adapter.ts";
import { Readback } from "./readback.ts";

if (import.meta.main) {
  try {
    const { adapter, described } = await requestAdapter();
    await Readback.create(await adapter.requestDevice());
    console.log(JSON.stringify(described));
  } catch (error) {
    console.log(JSON.stringify({ error: error instanceof Error ? error.message : `${error}` }));
  }
  Deno.exit(0);
}
