import { z } from "zod";

/** A project or a run: letters of any script, digits, space, `.`, `_`, `-`. */
export const JobName = z.string().max(100).regex(
  /^[\p{L}\p{N}]([\p{L}\p{N} ._-]*[\p{L}\p{N}._-])?$/u,
  "expected letters, digits, space, '.', '_' or '-'",
);
