import { ExportManifest } from "../../runtime/protocol/export.ts";
import type { ArtifactStore } from "../storage/artifact_store.ts";
import { NumberedFolders } from "./numbered_folders.ts";

/** The exports of jobs: `exports/<n>` in the job's folder, the file beside its manifest. */
export function exportsOf(artifacts: ArtifactStore): NumberedFolders<ExportManifest> {
  return new NumberedFolders(artifacts, {
    home: "exports",
    what: "export",
    parse: (json) => ExportManifest.parse(json),
  });
}
