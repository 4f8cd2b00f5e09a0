import { createHash } from "node:crypto";
import type { Hello } from "../../runtime/protocol/attachment.ts";
import type { PostedFile } from "../control_plane.ts";
import { UnprocessableError } from "../errors.ts";
import type { JobManifest } from "../job.ts";
import type { ArtifactStore } from "../storage/artifact_store.ts";
import { checkModule } from "../submission/module_syntax.ts";

/** What the job's folder now holds. */
export interface KeptScript {
  module: JobManifest["module"];
  files: JobManifest["files"];
  /** Whether a worker can build the run from it. */
  rebuilds: boolean;
  /** Why the module that was given cannot. */
  refused: string | null;
}

/**
 * Lays out the folder of an attached job: the module to rebuild it from, else the script to read.
 * @param importable Packages that modules may import beside the usual ones.
 */
export async function keepScript(
  artifacts: ArtifactStore,
  job: string,
  { module, script, files }: Hello,
  importable: readonly string[] = [],
): Promise<KeptScript> {
  const refused = module === null ? null : whyNot(module, importable);
  const rebuilds = module !== null && refused === null;
  const shown = module ?? script ?? { name: "script", source: "// The script cannot be read.\n" };
  const posted = rebuilds ? await Promise.all(files.map((file) => store(artifacts, file))) : [];
  await artifacts.createJob(job, shown.source, [], posted);
  return {
    module: { sha256: sha256Of(new TextEncoder().encode(shown.source)), name: shown.name },
    files: posted.map(({ name, bytes, sha256 }) => ({ name, bytes, sha256 })),
    rebuilds,
    refused,
  };
}

function whyNot(
  { name, source }: { name: string; source: string },
  allowed: readonly string[],
): string | null {
  try {
    checkModule(source, name, { extraModules: [], allowed });
    return null;
  } catch (error) {
    if (error instanceof UnprocessableError) return error.message;
    throw error;
  }
}

async function store(
  artifacts: ArtifactStore,
  { name, base64 }: Hello["files"][number],
): Promise<PostedFile> {
  const path = await artifacts.temporaryFile();
  const bytes = Uint8Array.fromBase64(base64);
  await Deno.writeFile(path, bytes);
  return { name, path, bytes: bytes.length, sha256: sha256Of(bytes) };
}

function sha256Of(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}
