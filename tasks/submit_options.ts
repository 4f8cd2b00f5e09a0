import { parseArgs } from "node:util";
import { parseSetting } from "./submission_form.ts";

/** What `deno task submit` was asked. */
export interface SubmitOptions {
  /** Path of a module, or the id of a job that is there already. */
  target: string;
  files: string[];
  /** Datasets of the server that the module reads. */
  datasets: string[];
  config: Record<string, unknown>;
  project: string | undefined;
  runName: string | undefined;
  /** What the job asks for beyond what every worker may do; absent when it asks for nothing. */
  permissions?: { read: string[]; net: string[] };
  /** The higher goes first among the jobs that wait; 0 when absent. */
  priority?: number;
  server: string;
  token: string | undefined;
  follow: boolean;
  idempotencyKey: string | undefined;
}

/** The command line cannot be read. */
export class UsageError extends Error {
  override name = "UsageError";
}

/** What `--help` prints. */
export const SUBMIT_HELP = `Post a job module to a running server.

  deno task submit MODULE [options]       post MODULE
  deno task submit JOB_ID --follow        follow a job that is there already

  --file FILE            post FILE beside the module: data for ctx.file(name), or a .ts
                         module that MODULE imports; once for each file
  --dataset NAME         let the module read a dataset of the server: ctx.dataset(name); once
                         for each. PUT /datasets/NAME uploads one
  --set KEY=VALUE        override a config key: max_epochs=3, lr=0.01, grad_clip_norm=null,
                         schedule='{"name": "cosine", "period": 500}'
  --allow-read FOLDER    ask for a folder to read, by its absolute path; once for each
  --allow-net HOST:PORT  ask for a host to reach; once for each. The server's policy decides
  --priority N           from -100 to 100: the higher goes first where jobs wait for a slot
  --project NAME         project, in place of the module's own
  --run-name NAME        run name, in place of the module's own
  --follow               draw a progress bar until the job ends; Ctrl-C leaves it running
  --server URL           default http://127.0.0.1:8000, or the port in ONTHEFLY_PORT
  --token TOKEN          default ONTHEFLY_TOKEN
  --idempotency-key KEY  the same key and content again answer the first job
  --help                 this text

Examples
  deno task submit examples/digits.ts --file examples/data/digits.csv.gz --follow
  deno task submit my_job.ts --set max_epochs=20 --set lr=0.003 --run-name long
`;

/**
 * Reads the command line.
 *
 * @returns "help" when that is what was asked for.
 * @throws {UsageError} that says what is wrong.
 */
export function readSubmitOptions(
  args: readonly string[],
  environment: Readonly<Record<string, string | undefined>>,
): SubmitOptions | "help" {
  const { values, positionals } = parsed(args);
  if (values.help) return "help";
  if (positionals.length !== 1) {
    throw new UsageError(
      positionals.length === 0
        ? "which module? deno task submit MODULE, or --help"
        : `one module at a time; got ${positionals.join(", ")}. Files go with --file`,
    );
  }
  return {
    target: positionals[0]!,
    files: values.file ?? [],
    datasets: values.dataset ?? [],
    config: Object.fromEntries((values.set ?? []).map(setting)),
    project: values.project,
    runName: values["run-name"],
    ...(values.priority === undefined ? {} : { priority: wholeNumber(values.priority) }),
    ...asked(values["allow-read"], values["allow-net"]),
    server: serverAddress(
      values.server ?? `http://127.0.0.1:${environment["ONTHEFLY_PORT"] ?? 8000}`,
    ),
    token: values.token ?? environment["ONTHEFLY_TOKEN"],
    follow: values.follow ?? false,
    idempotencyKey: values["idempotency-key"],
  };
}

function parsed(args: readonly string[]) {
  const text = { type: "string" } as const;
  const many = { type: "string", multiple: true } as const;
  try {
    return parseArgs({
      args: [...args],
      allowPositionals: true,
      options: {
        "file": many,
        "dataset": many,
        "set": many,
        "allow-read": many,
        "allow-net": many,
        "priority": text,
        "project": text,
        "run-name": text,
        "server": text,
        "token": text,
        "idempotency-key": text,
        "follow": { type: "boolean" },
        "help": { type: "boolean", short: "h" },
      },
    });
  } catch (cause) {
    throw new UsageError(cause instanceof Error ? cause.message : String(cause), { cause });
  }
}

function asked(
  read: string[] = [],
  net: string[] = [],
): Pick<SubmitOptions, "permissions"> {
  return read.length + net.length === 0 ? {} : { permissions: { read, net } };
}

function wholeNumber(text: string): number {
  if (/^-?\d{1,3}$/.test(text)) return Number(text);
  throw new UsageError(`--priority ${text}: expected a whole number from -100 to 100`);
}

function setting(text: string): [string, unknown] {
  try {
    return parseSetting(text);
  } catch (cause) {
    throw new UsageError(cause instanceof Error ? cause.message : String(cause), { cause });
  }
}

function serverAddress(given: string): string {
  const url = URL.parse(given);
  if (url?.protocol === "http:" || url?.protocol === "https:") return url.origin;
  throw new UsageError(`--server ${given}: expected an address such as http://127.0.0.1:8000`);
}
