/**
 * How a script's trainer and a server meet over TCP, and what the line itself is asked.
 *
 * The trainer's duty: the first line is a {@linkcode Hello}; events follow once the server has sent
 * `attach_context`, from the one after `acknowledged` on; an event is kept until it is acknowledged.
 * The server's duty: one answer to each hello, either `attach_context` or a refusal; acknowledge
 * what is durable; take an event that comes twice once.
 */
import { z } from "zod";

/** Where scripts look for a server, unless told otherwise. */
export const ATTACH_PORT = 47_621;

/** Longest line of either side, in characters. */
export const MAX_ATTACHED_LINE = 16 * 1024 * 1024;

/** Data files that travel in a hello, at most, in bytes. */
export const MAX_HELLO_FILES = 8 * 1024 * 1024;

const count = z.number().int().min(0);
const name = z.string().min(1).max(200);
const source = z.strictObject({ name, source: z.string().max(1_000_000) });

/** The first line of a trainer that a script runs. */
export const Hello = z.looseObject({
  type: z.literal("hello"),
  protocol: z.number().int(),
  /** The server's token, where it has one and the trainer is on another machine. */
  token: z.string().max(1_000).optional(),
  /** Only who knows it is this run; the server keeps a hash. */
  claim: z.string().min(16).max(200),
  run_id: name,
  run_gen: z.number().int().min(1),
  session_id: name,
  project: z.string().max(100),
  run_name: z.string().max(100),
  capabilities: z.array(z.string().max(100)).max(100),
  /** The script, to be shown; null where it cannot be read. */
  script: source.nullable(),
  /** A job module that builds the same run: what forks and merges are made from. */
  module: source.nullable(),
  /** What `ctx.file` has read, for that module. */
  files: z.array(z.strictObject({ name, base64: z.string() })).max(1_000),
  /** The oldest event that can still be sent. */
  oldest: z.number().int().min(1),
  threads: z.number().int().min(1),
  version: z.string().max(100),
});
/** The first line of a trainer that a script runs. */
export type Hello = z.infer<typeof Hello>;

/** What the server tells a trainer that it takes. */
export const AttachContext = z.looseObject({
  job: z.string(),
  session: z.string(),
  run_name: z.string(),
  /** Page of the job; null where the server does not know its address. */
  url: z.string().nullable(),
  /** Folder that checkpoints are to be linked into, so that the server can keep them. */
  checkpoint_dir: z.string(),
  /** Events up to here are durable. */
  acknowledged: count,
  server: z.looseObject({ protocol: z.number().int() }),
});
/** What the server tells a trainer that it takes. */
export type AttachContext = z.infer<typeof AttachContext>;

/** Commands to the line itself, answered whatever the training does. */
export const LINE_COMMANDS = {
  attach_context: AttachContext,
  /** Which versions the trainer runs on. */
  server_info: z.looseObject({}),
  /** Whether the trainer speaks at least this protocol; it leaves if it does not. */
  enforce_version: z.looseObject({ protocol: z.number().int() }),
} as const satisfies Record<string, z.ZodType>;

/** Name of a command to the line itself. */
export type LineCommandName = keyof typeof LINE_COMMANDS;
