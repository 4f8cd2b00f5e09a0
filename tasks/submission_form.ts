import { basename, dirname, join } from "node:path";

/** What is posted: paths on this machine, and what the request adds to them. */
export interface SubmissionParts {
  module: string;
  files: readonly string[];
  /** Names of datasets that the server has. */
  datasets?: readonly string[] | undefined;
  /** snake_case. */
  config: Record<string, unknown>;
  project?: string | undefined;
  runName?: string | undefined;
  priority?: number | undefined;
  /** Folders to read, hosts to reach. */
  permissions?: { read: string[]; net: string[] } | undefined;
}

/** A path that cannot be read, named as the person gave it. */
export class UnreadableFileError extends Error {
  override name = "UnreadableFileError";
  constructor(path: string, options: ErrorOptions) {
    const { cause } = options;
    const reason = cause instanceof Deno.errors.NotFound
      ? "there is no such file"
      : cause instanceof Error
      ? cause.message
      : String(cause);
    super(`${path}: ${reason}`, options);
  }
}

/**
 * The form that `POST /jobs` takes: the module, further files under their base names, the config.
 *
 * @throws {UnreadableFileError} that names the file.
 */
export async function submissionForm(parts: SubmissionParts): Promise<FormData> {
  const form = new FormData();
  form.set("module", await readPart(parts.module), basename(parts.module));
  for (const path of parts.files) form.append("file", await readPart(path), basename(path));
  form.set("config", JSON.stringify(parts.config));
  if (parts.datasets?.length) form.set("datasets", parts.datasets.join(","));
  if (parts.project !== undefined) form.set("project", parts.project);
  if (parts.runName !== undefined) form.set("run_name", parts.runName);
  if (parts.priority !== undefined) form.set("priority", String(parts.priority));
  if (parts.permissions !== undefined) form.set("permissions", JSON.stringify(parts.permissions));
  return form;
}

/**
 * One `--set key=value`: numbers, `true`, `false`, `null`, lists and objects as JSON has them, all
 * else as text.
 *
 * @throws {SyntaxError} without a key or an equals sign, or for a list or object that is no JSON.
 */
export function parseSetting(text: string): [key: string, value: unknown] {
  const at = text.indexOf("=");
  if (at < 1) throw new SyntaxError(`--set ${text}: expected key=value, such as max_epochs=3`);
  const value = text.slice(at + 1);
  if (!/^[{[]/.test(value)) return [text.slice(0, at), scalar(value)];
  try {
    return [text.slice(0, at), JSON.parse(value)];
  } catch (cause) {
    throw new SyntaxError(`--set ${text}: the value is no JSON`, { cause });
  }
}

function scalar(text: string): unknown {
  if (text === "true") return true;
  if (text === "false") return false;
  if (text === "null") return null;
  return /^-?\d+(\.\d+)?(e[+-]?\d+)?$/i.test(text) ? Number(text) : text;
}

/**
 * Paths of the relative modules that the module imports and that are not among the posted files:
 * the likely reason why a job cannot load.
 *
 * @throws {UnreadableFileError} that names the file.
 */
export async function missingModules(
  { module, files }: Pick<SubmissionParts, "module" | "files">,
): Promise<string[]> {
  const source = await (await readPart(module)).text();
  const imports = source.matchAll(/^\s*(?:import|export)\b[^;]*?["'](\.\.?\/[^"']+)["']/gm);
  const names = [...imports].map(([, specifier]) => specifier!);
  const posted = new Set(files.map((path) => basename(path)));
  return [...new Set(names)].filter((name) => !posted.has(basename(name)))
    .map((name) => join(dirname(module), name));
}

async function readPart(path: string): Promise<Blob> {
  try {
    return new Blob([await Deno.readFile(path)]);
  } catch (cause) {
    throw new UnreadableFileError(path, { cause });
  }
}
