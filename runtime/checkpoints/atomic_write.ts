import { createHash } from "node:crypto";
import { dirname } from "node:path";

/** A file as it lies on the disk. */
export interface WrittenFile {
  bytes: number;
  /** SHA-256 of its bytes, hexadecimal. */
  sha256: string;
}

/**
 * Up to this size a file is written with synchronous calls, which cost less than the way to a
 * thread and back; past it, one chunk is hashed here while a thread writes it.
 */
const SYNC_BYTES = 1 << 20;

/**
 * Writes a file so that it is there whole or not at all, and stays after a power cut: a temporary
 * file beside it, fsync, rename, fsync of the folder.
 *
 * @throws {Error} as the file system gave it; no temporary file is left.
 */
export async function writeAtomically(
  path: string,
  chunks: readonly Uint8Array[],
): Promise<WrittenFile> {
  const temporary = `${path}.tmp`;
  const bytes = chunks.reduce((sum, chunk) => sum + chunk.byteLength, 0);
  try {
    const sha256 = bytes <= SYNC_BYTES
      ? writeAtOnce(temporary, chunks)
      : await writeAndHash(temporary, chunks);
    Deno.renameSync(temporary, path);
    syncFolder(dirname(path));
    return { bytes, sha256 };
  } catch (error) {
    removeIfThere(temporary);
    throw error;
  }
}

function writeAtOnce(path: string, chunks: readonly Uint8Array[]): string {
  const hash = createHash("sha256");
  using file = Deno.openSync(path, { write: true, create: true, truncate: true });
  for (const chunk of chunks) {
    hash.update(chunk);
    for (let at = 0; at < chunk.byteLength;) at += file.writeSync(chunk.subarray(at));
  }
  file.syncSync();
  return hash.digest("hex");
}

async function writeAndHash(path: string, chunks: readonly Uint8Array[]): Promise<string> {
  const hash = createHash("sha256");
  using file = await Deno.open(path, { write: true, create: true, truncate: true });
  for (const chunk of chunks) {
    const [written] = await Promise.all([file.write(chunk), hash.update(chunk)]);
    for (let at = written; at < chunk.byteLength;) at += await file.write(chunk.subarray(at));
  }
  await file.sync();
  return hash.digest("hex");
}

function syncFolder(path: string): void {
  try {
    using folder = Deno.openSync(path, { read: true });
    folder.syncSync();
  } catch {
    // Not every system lets a folder be opened and synced; the file itself is safe by now.
  }
}

function removeIfThere(path: string): void {
  try {
    Deno.removeSync(path);
  } catch {
    // It was never made, or its folder is gone; the error that is on its way says more.
  }
}
