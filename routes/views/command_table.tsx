import type { Receipt } from "../../jobs/job.ts";
import { brief, moment, whole } from "../../static/figures.js";

/** Fields of a receipt that have a column of their own, or say what the page says already. */
const ELSEWHERE = new Set([
  "command_id",
  "command",
  "payload",
  "job",
  "status",
  "actor",
  "requested_at",
  "requested_at_step",
  "applied_at_step",
  "epoch",
]);

/** Every control call on a job with its receipt, newest first. */
export function CommandTable({ receipts }: { receipts: Receipt[] }) {
  if (receipts.length === 0) {
    return <p class="empty">No command yet. Every control call and its receipt is kept here.</p>;
  }
  return (
    <div class="scroll" tabindex={0}>
      <table class="data">
        <thead>
          <tr>
            <th scope="col">Asked</th>
            <th scope="col">Command</th>
            <th scope="col">Status</th>
            <th scope="col" class="number">Asked at step</th>
            <th scope="col" class="number">Applied at step</th>
            <th scope="col">Result</th>
          </tr>
        </thead>
        <tbody>
          {receipts.toReversed().map((receipt) => (
            <tr id={`command-${receipt.command_id}`} class={`receipt-${receipt.status}`}>
              <td>
                <When ms={receipt["requested_at"]} />
              </td>
              <td>
                {receipt.command} <span class="dim">{fields(receipt["payload"])}</span>
              </td>
              <td>{receipt.status}</td>
              <td class="number">{whole(receipt.requested_at_step)}</td>
              <td class="number">{whole(receipt.applied_at_step)}</td>
              <td>{resultText(receipt)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

function When({ ms }: { ms: unknown }) {
  if (typeof ms !== "number") return <>–</>;
  return <time datetime={new Date(ms).toISOString()}>{moment(ms)}</time>;
}

function resultText(receipt: Receipt): string {
  const rest = Object.entries(receipt).filter(([key]) => !ELSEWHERE.has(key));
  return fields(Object.fromEntries(rest));
}

/** `lr 3e-4, grad_clip_norm 1`: what is empty is left out. */
function fields(value: unknown): string {
  if (value === null || typeof value !== "object") return "";
  return Object.entries(value)
    .map(([key, inner]) => {
      if (inner === null || inner === undefined) return "";
      if (typeof inner !== "object") return `${key} ${brief(inner)}`;
      return Array.isArray(inner) ? `${key} ${JSON.stringify(inner)}` : fields(inner);
    })
    .filter((text) => text !== "")
    .join(", ");
}
