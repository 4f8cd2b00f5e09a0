import { exportSamples } from "../../inspection/export_samples.ts";
import { CommandError } from "../command_error.ts";
import type { Handler } from "../command_router.ts";
import { tellProgress } from "./scan.ts";

/** Writes samples that a report knows to a file. */
export const exportSubset: Handler<"export_subset"> = async (session, payload, applied) => {
  const dataset = session.run.data[payload.split];
  if (dataset === null) {
    throw new CommandError("no_such_split", `the job's data() gives no ${payload.split} split`);
  }
  applied();
  return await exportSamples(payload, dataset, tellProgress(session, "export"));
};
