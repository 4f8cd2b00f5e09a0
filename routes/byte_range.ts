import { RequestError } from "./request_error.ts";

/**
 * The first and last byte that a `Range` header asks for, or null for the whole: no header, another
 * unit, several ranges, none that can be read.
 *
 * @throws {RequestError} 416 when the range begins behind the end.
 */
export function byteRange(header: string | undefined, size: number): [number, number] | null {
  const [, first, last] = /^bytes=(\d{0,15})-(\d{0,15})$/.exec(header?.trim() ?? "") ?? [];
  if (first === undefined || last === undefined || first + last === "") return null;
  const from = first === "" ? Math.max(0, size - Number(last)) : Number(first);
  const to = first === "" || last === "" ? size - 1 : Math.min(Number(last), size - 1);
  if (first !== "" && last !== "" && Number(first) > Number(last)) return null;
  if (from < size) return [from, to];
  throw new RequestError("range-not-satisfiable", `the file has ${size} bytes`, { size });
}
