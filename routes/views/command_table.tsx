import type { Receipt } from "../../jobs/job.ts";
import { brief, whole } from "../../static/figures.js";

/** Fields of a receipt that have a column of their own. */
const COLUMNS = new Set([
  "command_id",
  "command",
  "job",
  "status",
  "requested_at_step",
  "applied_at_step",
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
            <th scope="col">Command</th>
            <th scope="col">Status</th>
            <th scope="col" class="number">Asked at step</th>
            <th scope="col" class="number">Applied at step</th>
            <th scope="col">Result</th>
            <th scope="col">Id</th>
          </tr>
        </thead>
        <tbody>
          {receipts.toReversed().map((receipt) => (
            <tr id={`command-${receipt.command_id}`} class={`receipt-${receipt.status}`}>
              <td>{receipt.command}</td>
              <td>{receipt.status}</td>
              <td class="number">{whole(receipt.requested_at_step)}</td>
              <td class="number">{whole(receipt.applied_at_step)}</td>
              <td>{resultText(receipt)}</td>
              <td>
                <code>{receipt.command_id}</code>
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

function resultText(receipt: Receipt): string {
  return Object.entries(receipt)
    .filter(([key, value]) => !COLUMNS.has(key) && value !== null && value !== undefined)
    .map(([key, value]) => `${key} ${brief(value)}`)
    .join(", ");
}
