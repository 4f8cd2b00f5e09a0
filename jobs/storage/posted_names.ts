import { UnprocessableError } from "../errors.ts";

const LONGEST = 200;
const RESERVED = new Set(["module.ts"]);
const FOLDERS = new Set(["files", "checkpoints", "origin", "blobs", "exports"]);

/**
 * Whether a posted data file may have this name: one plain file name, no path.
 *
 * @throws {UnprocessableError} on field `files`, naming the name and what is wrong with it.
 */
export function checkFileName(name: string): void {
  const wrong = fileNameFault(name);
  if (wrong) throw new UnprocessableError("files", `file ${JSON.stringify(name)}: ${wrong}`);
}

/**
 * Whether a posted extra module may have this name: a relative path of plain segments, `.ts`.
 *
 * @throws {UnprocessableError} on field `module`, naming the name and what is wrong with it.
 */
export function checkModuleName(name: string): void {
  const wrong = moduleNameFault(name);
  if (wrong) throw new UnprocessableError("module", `module ${JSON.stringify(name)}: ${wrong}`);
}

function fileNameFault(name: string): string | null {
  if (name === "") return "a file needs a name";
  if (new TextEncoder().encode(name).length > LONGEST) return `longer than ${LONGEST} bytes`;
  if (!name.isWellFormed()) return "not well-formed text";
  if (/[/\\]/.test(name)) return "a path separator";
  if (/\p{Cc}/u.test(name)) return "a control character";
  if (name.startsWith(".")) return "begins with a dot";
  if (RESERVED.has(name)) return "a reserved name";
  return null;
}

function moduleNameFault(name: string): string | null {
  if (name.length > LONGEST) return `longer than ${LONGEST} characters`;
  if (RESERVED.has(name)) return "a reserved name";
  const segments = name.split("/");
  if (!segments.every((segment) => /^[A-Za-z0-9_][A-Za-z0-9_.-]*$/.test(segment))) {
    return "must be a relative path of letters, digits, _ - and .";
  }
  if (!name.endsWith(".ts")) return "must end in .ts";
  if (FOLDERS.has(segments[0]!)) return `${segments[0]} is a reserved folder`;
  return null;
}
