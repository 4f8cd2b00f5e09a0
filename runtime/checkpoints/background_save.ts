import type { WrittenFile } from "./atomic_write.ts";
import { type CheckpointSnapshot, encodeCheckpoint } from "./checkpoint.ts";
import { CheckpointError } from "./checkpoint_error.ts";

/** What the thread is to write, and where. */
export interface SaveRequest {
  path: string;
  chunks: Uint8Array[];
}

/** What came of it. */
export type SaveAnswer = { file: WrittenFile } | { refused: string };

/**
 * Writes a snapshot as {@linkcode saveCheckpoint} does, in a thread of its own: hashing and writing
 * of a large one take longer than many steps. The snapshot's memory moves to the thread.
 *
 * @throws {CheckpointError} when the disk refuses; no part of the file is left.
 */
export async function saveInBackground(
  path: string,
  snapshot: CheckpointSnapshot,
): Promise<WrittenFile> {
  const chunks = encodeCheckpoint(snapshot);
  const memory = new Set(chunks.map(({ buffer }) => buffer as ArrayBuffer));
  const thread = new Worker(new URL("./save_thread.ts", import.meta.url), { type: "module" });
  try {
    const answer = await new Promise<SaveAnswer>((resolve, reject) => {
      thread.addEventListener("message", ({ data }: MessageEvent<SaveAnswer>) => resolve(data));
      thread.addEventListener("error", (event) => {
        event.preventDefault();
        reject(new CheckpointError(path, `it cannot be written: ${event.message}`));
      });
      thread.postMessage({ path, chunks } satisfies SaveRequest, [...memory]);
    });
    if ("file" in answer) return answer.file;
    throw new CheckpointError(path, `it cannot be written: ${answer.refused}`);
  } finally {
    thread.terminate();
  }
}
