/** Every call of the API, once: what `/openapi.json` is made of, and what the tests walk. */
import { COMMAND_OPERATIONS } from "./operations/command_operations.ts";
import { JOB_OPERATIONS } from "./operations/job_operations.ts";
import type { Operation } from "./operations/operation.ts";
import { SAMPLE_OPERATIONS } from "./operations/sample_operations.ts";
import { SERVER_OPERATIONS } from "./operations/server_operations.ts";
import { SESSION_OPERATIONS } from "./operations/session_operations.ts";

/** Every call of the API. */
export const OPERATIONS: readonly Operation[] = [
  ...JOB_OPERATIONS,
  ...COMMAND_OPERATIONS,
  ...SAMPLE_OPERATIONS,
  ...SESSION_OPERATIONS,
  ...SERVER_OPERATIONS,
];
