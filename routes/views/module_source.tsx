import type { JobManifest } from "../../jobs/job.ts";
import { byteSize } from "../../static/figures.js";

/** The source of a job's module, and the files that were posted with it. */
export function ModuleSource({ job, source }: { job: JobManifest; source: string }) {
  return (
    <>
      <p class="module-head">
        <strong>{job.module.name}</strong> <code>sha256 {job.module.sha256.slice(0, 12)}</code>
        <span class="grow"></span>
        <button type="button" data-copy-text="module-source">Copy</button>
        <a class="button" href={`/new?from=${job.id}`}>New job from this</a>
      </p>
      {job.files.length > 0 && (
        <p class="dim">
          With {job.files.map((file) => `${file.name} (${byteSize(file.bytes)})`).join(", ")}
        </p>
      )}
      <pre class="source" id="module-source" tabindex={0}><code>{source}</code></pre>
    </>
  );
}
