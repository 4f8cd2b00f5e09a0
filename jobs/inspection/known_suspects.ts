import type { IndexBase, ReportSplit } from "../../runtime/protocol/report.ts";
import type { Selection } from "../../runtime/protocol/selection.ts";
import { SampleKind, type SuspectsRecord } from "../../runtime/protocol/suspects.ts";
import { UnprocessableError } from "../errors.ts";
import type { LiveJob } from "../life/live_job.ts";
import { SuspectStore } from "./suspect_store.ts";

/** Which samples a search is to be about. */
interface Base {
  split: ReportSplit;
  of: IndexBase;
}

/** How many of some samples are suspects, by the newest search that was about them. */
export interface SuspectCount {
  run: number;
  /** Samples that are suspected of anything. */
  count: number;
  kinds: Partial<Record<SampleKind, number>>;
}

/** @returns Null where nobody has looked for suspects among these samples. */
export async function countSuspects(
  job: LiveJob,
  base: Base,
  picked: Int32Array,
): Promise<SuspectCount | null> {
  const store = new SuspectStore(job.deps.artifacts);
  const record = await newest(job, store, base);
  if (record === undefined) return null;
  const rows = await store.rows(record, kindsOf(record));
  const chosen = new Set(picked);
  const held = [...rows].map(([kind, places]) =>
    [kind, places.filter((row) => chosen.has(row))] as const
  );
  return {
    run: record.run,
    count: new Set(held.flatMap(([, places]) => [...places])).size,
    kinds: Object.fromEntries(held.map(([kind, places]) => [kind, places.length])),
  };
}

/**
 * A rule with the places of the suspects that it is about, so that it picks the same ever after.
 *
 * @throws {UnprocessableError} where nobody has looked for them among the samples it is about.
 */
export async function withSuspects(
  job: LiveJob,
  selection: Selection,
  split: ReportSplit,
): Promise<Selection> {
  const of = selection.of ?? "parent";
  const fill = async (part: Selection): Promise<Selection> => {
    if (part.kind === "suspects") return await filled(job, part, { split, of });
    if (part.kind === "not") {
      return { ...part, selection: await fill(part.selection) } as Selection;
    }
    if (part.kind !== "and" && part.kind !== "or") return part;
    const selections = await Promise.all(part.selections.map(fill));
    return { ...part, selections } as Selection;
  };
  return await fill(selection);
}

async function filled(
  job: LiveJob,
  part: Extract<Selection, { kind: "suspects" }>,
  base: Base,
): Promise<Selection> {
  const store = new SuspectStore(job.deps.artifacts);
  const record = part.run === undefined
    ? await newest(job, store, base)
    : await store.get(job.id, part.run);
  const { split, of } = base;
  if (record === undefined) {
    const message = `selection: nobody has looked for suspects among these samples (${split}, of ` +
      `${of}); POST /jobs/${job.id}/suspects does`;
    throw new UnprocessableError("selection", message);
  }
  if (!isAbout(job, record, base)) {
    const message = `selection: search ${record.run} for suspects is of ${record.split}, ` +
      `${record.of}, or of data that have changed; the selection is of ${split}, ${of}`;
    throw new UnprocessableError("selection", message);
  }
  const kinds = part.kinds ?? kindsOf(record);
  const missing = kinds.find((kind) => !kindsOf(record).includes(kind));
  if (missing !== undefined) {
    const message = `selection: search ${record.run} did not look for ${missing}`;
    throw new UnprocessableError("selection", message);
  }
  const rows = await store.rows(record, kinds);
  const indices = [...new Set([...rows.values()].flatMap((places) => [...places]))];
  return { ...part, run: record.run, kinds, indices: indices.sort((a, b) => a - b) };
}

async function newest(
  job: LiveJob,
  store: SuspectStore,
  base: Base,
): Promise<SuspectsRecord | undefined> {
  return (await store.list(job.id)).find((record) => isAbout(job, record, base));
}

function isAbout(job: LiveJob, record: SuspectsRecord, { split, of }: Base): boolean {
  const hash = job.record.manifest.dataset?.hash ?? null;
  return record.split === split && (split !== "train" || record.of === of) &&
    record.dataset_hash === hash;
}

function kindsOf({ findings }: SuspectsRecord): SampleKind[] {
  return SampleKind.options.filter((kind) => findings.some((found) => found.kind === kind));
}
