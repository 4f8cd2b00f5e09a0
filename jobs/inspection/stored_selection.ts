import { z } from "zod";
import { IndexBase, ReportSplit } from "../../runtime/protocol/report.ts";
import { type GivenSelection, Selection } from "../../runtime/protocol/selection.ts";
import { NotFoundError, UnprocessableError } from "../errors.ts";
import type { LiveJob } from "../life/live_job.ts";
import { withSuspects } from "./known_suspects.ts";

/** A selection with what it is about, as it is kept: `sha256` of its JSON names it. */
export const StoredRule = z.strictObject({
  selection: Selection,
  split: ReportSplit,
  of: IndexBase,
  dataset_hash: z.string().nullable(),
});
/** A selection with what it is about. */
export type StoredRule = z.infer<typeof StoredRule>;

/** Keeps a rule among the job's files; answers its name. The same rule has the same name. */
export function keepRule(job: LiveJob, { selection, split, of, dataset_hash }: StoredRule) {
  const json = JSON.stringify({ selection, split, of, dataset_hash });
  return job.deps.artifacts.putBlob(job.id, new TextEncoder().encode(json));
}

/** @throws {NotFoundError} when the job keeps no such rule. */
export async function readRule(job: LiveJob, sha256: string): Promise<StoredRule> {
  const bytes = await job.deps.artifacts.getBlob(job.id, sha256);
  const parsed = StoredRule.safeParse(parseJson(bytes));
  if (parsed.success) return parsed.data;
  throw new NotFoundError("selection", `${sha256} of ${job.id}`);
}

/**
 * The rule that a request means: the one it gives, its suspects looked up, or one that was kept.
 *
 * @throws {UnprocessableError} for a kept one of other data, or of another split.
 */
export async function ruleOf(
  job: LiveJob,
  given: GivenSelection,
  split: ReportSplit,
): Promise<Selection> {
  if (given.kind !== "stored") return await withSuspects(job, given, split);
  const rule = await readRule(job, given.sha256);
  const hash = job.record.manifest.dataset?.hash ?? null;
  if (rule.dataset_hash !== hash) {
    const message = `selection: the data have changed since it was made: they have hash ${hash}, ` +
      `it is of ${rule.dataset_hash}`;
    throw new UnprocessableError("selection", message);
  }
  if (rule.split === split) return rule.selection;
  throw new UnprocessableError("selection", `selection: it is of ${rule.split}, not ${split}`);
}

function parseJson(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder().decode(bytes));
  } catch {
    // A blob that is no JSON is no rule.
    return null;
  }
}
