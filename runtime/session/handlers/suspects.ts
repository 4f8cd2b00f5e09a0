import { ItemFile } from "../../inspection/suspects/item_file.ts";
import { LabelEvidenceError } from "../../inspection/suspects/probabilities.ts";
import { EmbeddingError } from "../../inspection/embedder.ts";
import { type SuspectFinding, SuspectKind } from "../../protocol/suspects.ts";
import { CommandError } from "../command_error.ts";
import type { Handler } from "../command_router.ts";
import { findMislabelled } from "../find_mislabelled.ts";
import {
  findDuplicates,
  findOutliers,
  findSlices,
  type Found,
  type SearchArguments,
} from "../find_suspects.ts";
import { tellProgress } from "./scan.ts";

/** Samples at once, as a scan. */
const SMALLEST_BATCH = 256;

const SEARCHES: Record<SuspectKind, (search: SearchArguments) => Promise<Found>> = {
  mislabelled: findMislabelled,
  duplicates: findDuplicates,
  outliers: findOutliers,
  slice: findSlices,
};

/** Looks for suspects; what is found lies in the folder, most suspect first. */
export const suspects: Handler<"suspects"> = async (session, request, applied) => {
  const { run } = session;
  const { split, of, kinds, folder } = request;
  const dataset = run.data[split];
  if (dataset === null) {
    throw new CommandError("no_such_split", `the job's data() gives no ${split} split`);
  }
  applied();
  const indices = split === "train" && of === "parent" ? run.indices : null;
  const seed = request.seed ?? run.config.seed;
  const findings: SuspectFinding[] = [];
  const warnings: string[] = [];
  using file = new ItemFile(folder);
  for (const kind of new Set(kinds ?? SuspectKind.options)) {
    run.enterPhase("evaluate", run.axisStep);
    try {
      const found = await SEARCHES[kind]({
        run,
        request,
        dataset,
        indices,
        seed,
        batchSize: Math.max(run.config.batchSize, SMALLEST_BATCH),
        freshModel: session.freshModel,
        freshOptimizer: () => session.freshOptimizer(),
        onProgress: tellProgress(session, kind),
      });
      const items = found.items.map((item) => ({ ...item, kind }));
      const { method, figures } = found;
      findings.push({ kind, count: items.length, kept: file.add(items), method, figures });
      warnings.push(...found.warnings);
    } catch (error) {
      if (!(error instanceof LabelEvidenceError || error instanceof EmbeddingError)) throw error;
      // What nobody asked for by name is left out, and said so.
      if (kinds !== undefined) throw new CommandError("no_evidence", error.message);
      warnings.push(`${kind} was not looked for: ${error.message}`.slice(0, 500));
    }
  }
  return {
    split,
    of,
    samples: indices?.length ?? dataset.length,
    seed,
    findings,
    warnings,
    class_names: dataset.classNames === undefined ? null : [...dataset.classNames],
    file: file.finish(),
  };
};
