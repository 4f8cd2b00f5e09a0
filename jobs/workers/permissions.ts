/** What a worker may touch. Paths are absolute. */
export interface WorkerPolicy {
  /** Folder of deno.json, runtime/ and node_modules/. */
  projectRoot: string;
  /** The program that the process runs. */
  entry: string;
  /** The job's own folder: read only. */
  jobDir: string;
  /** Folders of the datasets that the job named: read only. */
  datasets?: readonly string[];
  /** Folders that the submission was granted: read only. */
  granted?: readonly string[];
  /** `host:port` that the submission was granted. */
  net?: readonly string[];
  /** The attempt's checkpoints: the one place that is written. */
  checkpointDir: string;
  /** Limit of the JavaScript heap, in bytes. */
  heapBytes: number;
  /** The one file of native code that it may load; absent for a worker that runs none. */
  nativeLibrary?: string;
}

/**
 * What a worker may read; all else of the disk is none of its business. Deno would follow a symbolic
 * link in a readable folder: a worker cannot make one, so the server must never put one there.
 */
export function readablePaths(policy: WorkerPolicy): string[] {
  const { projectRoot, entry, jobDir, datasets = [], granted = [] } = policy;
  return [
    `${projectRoot}/deno.json`,
    `${projectRoot}/runtime`,
    `${projectRoot}/node_modules`,
    ...(entry.startsWith(`${projectRoot}/runtime/`) ? [] : [entry]),
    jobDir,
    ...datasets,
    ...granted,
  ];
}

/**
 * Arguments of `deno` that run the worker with these permissions and no others: no network but for
 * the hosts that the policy names, no environment, no subprocess, no system information, nothing
 * asked, no code fetched; no ffi but for the file that the policy names, which lets nobody make
 * pointers of their own.
 * @throws {Error} when a path contains a comma, which would make two paths of it.
 */
export function denoArguments(policy: WorkerPolicy): string[] {
  const { nativeLibrary, net = [] } = policy;
  return [
    "run",
    "--no-prompt",
    "--no-remote",
    "--cached-only",
    "--no-lock",
    "--node-modules-dir=manual",
    `--config=${policy.projectRoot}/deno.json`,
    `--allow-read=${pathList(readablePaths(policy))}`,
    `--allow-write=${pathList([policy.checkpointDir])}`,
    ...(net.length === 0 ? [] : [`--allow-net=${net.join(",")}`]),
    ...(nativeLibrary === undefined ? [] : [`--allow-ffi=${pathList([nativeLibrary])}`]),
    `--v8-flags=--max-old-space-size=${Math.ceil(policy.heapBytes / 2 ** 20)}`,
    policy.entry,
  ];
}

/** `deno` separates paths by commas and knows no way to write one that belongs to a path. */
function pathList(paths: readonly string[]): string {
  const ambiguous = paths.find((path) => path.includes(","));
  if (ambiguous !== undefined) {
    throw new Error(`a worker cannot be given a path that contains a comma: ${ambiguous}`);
  }
  return paths.join(",");
}
