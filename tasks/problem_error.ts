import { z } from "zod";

/** A problem as the server sends it (RFC 9457). */
export const Problem = z.looseObject({
  title: z.string(),
  status: z.number(),
  detail: z.string().default(""),
  field: z.string().optional(),
  line: z.number().optional(),
  column: z.number().optional(),
  allowed: z.array(z.string()).optional(),
});
/** A problem as the server sends it. */
export type Problem = z.infer<typeof Problem>;

/** The server refused a request. */
export class ProblemError extends Error {
  override name = "ProblemError";
  constructor(readonly problem: Problem) {
    super(problem.detail === "" ? problem.title : problem.detail);
  }

  /** The problem in an answer that is no success. */
  static async from(response: Response): Promise<ProblemError> {
    const text = await response.text();
    const parsed = Problem.safeParse(parsedJson(text));
    if (parsed.success) return new ProblemError(parsed.data);
    return new ProblemError({
      title: `The server answered ${response.status} ${response.statusText}`.trimEnd(),
      status: response.status,
      detail: text.slice(0, 500),
    });
  }
}

/** Nothing answers at the address. */
export class UnreachableError extends Error {
  override name = "UnreachableError";
  constructor(server: string, options?: ErrorOptions) {
    super(`nothing answers at ${server}: is a server up? (deno task start)`, options);
  }
}

/**
 * A problem for a person at a terminal: what, where, and what would be allowed.
 *
 * @param module Name of the posted module, for the position of a syntax error.
 */
export function describeProblem(problem: Problem, module?: string): string {
  const lines = [`${problem.title} (${problem.status})`];
  const position = [problem.line, problem.column].filter((part) => part !== undefined).join(":");
  if (position !== "" && !problem.detail.includes(`:${position}`)) {
    lines.push(`  at ${module ?? "module"}:${position}`);
  }
  if (problem.detail !== "") lines.push(`  ${problem.detail.replaceAll("\n", "\n  ")}`);
  if (problem.field !== undefined && !problem.detail.includes(problem.field)) {
    lines.push(`  field: ${problem.field}`);
  }
  if (problem.allowed !== undefined) lines.push(`  allowed now: ${problem.allowed.join(", ")}`);
  return lines.join("\n");
}

function parsedJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // No JSON: the caller shows the text itself.
    return null;
  }
}
