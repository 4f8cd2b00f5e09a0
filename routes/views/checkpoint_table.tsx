import { ALLOWED, type CheckpointRecord, type JobManifest } from "../../jobs/job.ts";
import { byteSize, moment, whole } from "../../static/figures.js";

/** The checkpoints of a job, newest first, each with what can be done from it. */
export function CheckpointTable(
  { job, checkpoints }: { job: JobManifest; checkpoints: CheckpointRecord[] },
) {
  if (checkpoints.length === 0) {
    return <p class="empty">No checkpoint yet. The first is saved when the model is ready.</p>;
  }
  const newestFirst = [...checkpoints].sort((a, b) => b.checkpoint - a.checkpoint);
  const rewindable = ALLOWED[job.state].includes("rewind");
  return (
    <div class="scroll" tabindex={0}>
      <table class="data">
        <thead>
          <tr>
            <th scope="col" class="number">No.</th>
            <th scope="col" class="number">Step</th>
            <th scope="col" class="number">Epoch</th>
            <th scope="col" class="number">Take</th>
            <th scope="col">Reason</th>
            <th scope="col" class="number">Size</th>
            <th scope="col">Saved</th>
            <th scope="col">Pinned by</th>
            <th scope="col">
              <span class="visually-hidden">Actions</span>
            </th>
          </tr>
        </thead>
        <tbody data-list>
          {newestFirst.map((record) => (
            <tr id={`checkpoint-${record.checkpoint}`}>
              <td class="number">{whole(record.checkpoint)}</td>
              <td class="number">{whole(record.step)}</td>
              <td class="number">{whole(record.epoch)}</td>
              <td class="number">{whole(record.take)}</td>
              <td>{record.label ?? record.reason}</td>
              <td class="number">{byteSize(record.bytes)}</td>
              <td>
                <time datetime={new Date(record.created_at).toISOString()}>
                  {moment(record.created_at)}
                </time>
              </td>
              <td>
                {record.pinned_by.map((pin) => (
                  <>
                    <a href={`/jobs/${pin}`}>{pin}</a>
                    {" "}
                  </>
                ))}
              </td>
              <td class="row-actions">
                <button
                  type="button"
                  id={`rewind-${record.checkpoint}`}
                  data-nav
                  data-call={`POST /jobs/${job.id}/rewind`}
                  data-body={JSON.stringify({ checkpoint: record.checkpoint })}
                  data-pending="Rewinding…"
                  disabled={!rewindable}
                  aria-label={`Rewind to checkpoint ${record.checkpoint}, step ${record.step}`}
                >
                  Rewind
                </button>
                <button
                  type="button"
                  id={`fork-from-${record.checkpoint}`}
                  hx-get={`/fragments/jobs/${job.id}/fork?at=${record.checkpoint}`}
                  hx-target="#dialog"
                  aria-label={`Fork from checkpoint ${record.checkpoint}`}
                >
                  Fork…
                </button>
                <a
                  class="button"
                  href={`/jobs/${job.id}/checkpoints/${record.checkpoint}`}
                  download={`${job.run_name}-${record.checkpoint}.safetensors`}
                  aria-label={`Download checkpoint ${record.checkpoint} as safetensors`}
                >
                  Download
                </a>
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
