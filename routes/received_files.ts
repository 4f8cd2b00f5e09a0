import { createHash } from "node:crypto";
import type { ArtifactStore } from "../jobs/storage/artifact_store.ts";
import type { PostedFile } from "../jobs/control_plane.ts";

/** The temporary files of one request, so that none outlives it. */
export class ReceivedFiles implements AsyncDisposable {
  #paths: string[] = [];

  constructor(private readonly artifacts: Pick<ArtifactStore, "temporaryFile">) {}

  /** Writes a stream of bytes to a temporary file, hashing it on the way. */
  async receive(
    name: string,
    bytes: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
  ): Promise<PostedFile> {
    const path = await this.artifacts.temporaryFile();
    this.#paths.push(path);
    using file = await Deno.open(path, { write: true, create: true, truncate: true });
    const hash = createHash("sha256");
    let size = 0;
    for await (const chunk of bytes) {
      hash.update(chunk);
      size += chunk.byteLength;
      await writeAll(file, chunk);
    }
    return { name, path, bytes: size, sha256: hash.digest("hex") };
  }

  /** Removes what no job took over. */
  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#paths.map(async (path) => {
      try {
        await Deno.remove(path);
      } catch (error) {
        // A job that was created has moved its files away.
        if (!(error instanceof Deno.errors.NotFound)) throw error;
      }
    }));
  }
}

async function writeAll(file: Deno.FsFile, bytes: Uint8Array): Promise<void> {
  for (let written = 0; written < bytes.byteLength;) {
    written += await file.write(bytes.subarray(written));
  }
}
