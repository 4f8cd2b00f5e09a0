import { UnprocessableError } from "../jobs/errors.ts";

/**
 * Checks the name of a posted file: a relative path that stays inside the job's folder.
 *
 * @throws {UnprocessableError} for an empty name, a control character, a backslash, an absolute
 * path, `.`, `..`, or a segment past 255 bytes.
 */
export function postedName(name: string, field: string): string {
  const fault = faultOf(name);
  if (fault === null) return name;
  throw new UnprocessableError(field, `${field}: file name ${JSON.stringify(name)} ${fault}`);
}

function faultOf(name: string): string | null {
  if (name === "") return "is empty";
  if (/\p{Cc}/u.test(name)) return "has a control character";
  if (name.includes("\\")) return "has a backslash";
  if (name.startsWith("/") || /^[A-Za-z]:/.test(name)) return "is an absolute path";
  const segments = name.split("/");
  if (segments.some((segment) => segment === "" || segment === "." || segment === "..")) {
    return 'has an empty, "." or ".." segment';
  }
  const tooLong = segments.some((segment) => new TextEncoder().encode(segment).length > 255);
  return tooLong || segments.length > 16 ? "is too long" : null;
}
