/** The thread of `background_save.ts`: writes one file and says what came of it. */
import { writeAtomically } from "./atomic_write.ts";
import type { SaveAnswer, SaveRequest } from "./background_save.ts";

globalThis.addEventListener("message", async ({ data }: MessageEvent<SaveRequest>) => {
  globalThis.postMessage(await written(data));
}, { once: true });

async function written({ path, chunks }: SaveRequest): Promise<SaveAnswer> {
  try {
    return { file: await writeAtomically(path, chunks) };
  } catch (error) {
    return { refused: error instanceof Error ? error.message : String(error) };
  }
}
