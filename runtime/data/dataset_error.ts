/** A dataset that does not do what a dataset must; the message names split and sample. */
export class DatasetError extends Error {
  override name = "DatasetError";
}
