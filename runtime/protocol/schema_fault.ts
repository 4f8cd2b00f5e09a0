import type { z } from "zod";

const MISMATCH = "Invalid input: ";
const ABSENT = ", received undefined";

/** What a schema found wrong, as it reads behind a field's name: `expected number, received string`. */
export function schemaFault({ code, message }: z.core.$ZodIssue): string {
  if (code !== "invalid_type" || !message.startsWith(MISMATCH)) return message;
  const fault = message.slice(MISMATCH.length);
  return fault.endsWith(ABSENT) ? `it is missing; ${fault.slice(0, -ABSENT.length)}` : fault;
}
