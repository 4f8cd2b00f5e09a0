import { JobConfigError, type Precision } from "../protocol/job_config.ts";

/** Makes the started backend compute in a precision. @throws {JobConfigError} where it cannot. */
export function setPrecision(precision: Precision, backend: string): void {
  if (precision === "float32") return;
  throw new JobConfigError(
    "precision",
    `config.precision: ${precision} cannot be true on ${backend}, whose numbers are all float32; ` +
      "use float32, with config.loss_scale where small gradients vanish",
  );
}
