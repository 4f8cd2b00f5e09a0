import { isAbsolute, resolve } from "node:path";
import { z } from "zod";
import { ATTACH_PORT } from "../runtime/protocol/attachment.ts";
import { BACKENDS } from "../runtime/protocol/backend_names.ts";
import { DatasetName } from "./storage/dataset_store.ts";
import { SANDBOX_MODES } from "./workers/sandbox.ts";

/** One setting: its default as text, what it means, and how its text becomes a value. */
interface Setting {
  default: string | null;
  meaning: string;
  schema: z.ZodType;
}

const UNITS = { B: 1, KiB: 2 ** 10, MiB: 2 ** 20, GiB: 2 ** 30, TiB: 2 ** 40 } as const;
const SPANS = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const;

/** A size such as `256MiB`, in bytes. */
const size = z.string().transform((text, context) =>
  scaled(text, UNITS) ?? refuse(context, "a size such as 256MiB (B, KiB, MiB, GiB, TiB)")
);

/** A duration such as `15m`, in milliseconds. */
const duration = z.string().transform((text, context) =>
  scaled(text, SPANS) ?? refuse(context, "a duration such as 15m (ms, s, m, h, d)")
);

function whole(from: number, to: number) {
  return z.string().transform((text, context) => {
    return wholeOf(text, from, to) ?? refuse(context, `a whole number from ${from} to ${to}`);
  });
}

function wholeOf(text: string, from: number, to: number): number | null {
  const value = Number(text);
  return /^\d+$/.test(text) && value >= from && value <= to ? value : null;
}

/** `name=/path,name=/path` as paths by name. */
const mounts = z.string().transform((text, context) => {
  const folders: Record<string, string> = {};
  for (const part of text.split(",").filter((part) => part.trim() !== "")) {
    const [name, path] = splitOnce(part.trim());
    if (!DatasetName.safeParse(name).success || path === undefined || !isAbsolute(path)) {
      return refuse(context, "name=/absolute/path,...");
    }
    if (Object.hasOwn(folders, name)) return refuse(context, "each name once");
    folders[name] = resolve(path);
  }
  return folders;
});

/** Absolute paths of folders. */
const folders = z.string().transform((text, context) => {
  const paths = text.split(",").map((path) => path.trim()).filter((path) => path !== "");
  if (!paths.every((path) => isAbsolute(path))) return refuse(context, "/folder,/folder");
  return paths.map((path) => resolve(path));
});

/** Hosts, each with a port or with all of them. */
const hosts = z.string().transform((text, context) => {
  const names = text.split(",").map((host) => host.trim().toLowerCase()).filter((host) => host);
  if (names.every((host) => /^([a-z0-9.-]+|\[[0-9a-f:.]+\])(:\d{1,5})?$/.test(host))) return names;
  return refuse(context, "host:port,host");
});

const settings = {
  host: { default: "127.0.0.1", meaning: "address HTTP listens on", schema: z.string().min(1) },
  port: {
    default: "8000",
    meaning: "port HTTP listens on; 0 takes a free one",
    schema: whole(0, 65_535),
  },
  dataDir: {
    default: ".onthefly",
    meaning: "event log, files, and the KV unless named",
    schema: z.string().min(1),
  },
  kv: {
    default: null,
    meaning: "path, :memory:, or KV Connect URL; <data dir>/kv.sqlite3 when absent",
    schema: z.string().min(1),
  },
  token: {
    default: null,
    meaning: "bearer token; required for any host but loopback",
    schema: z.string().regex(/^[\x21-\x7e]{8,}$/, "expected 8 or more printable characters"),
  },
  slots: {
    default: null,
    meaning: "training workers at once; cores, at least 3, when absent",
    schema: whole(1, 1_024),
  },
  parkAfter: { default: "15m", meaning: "when a hot pause parks itself", schema: duration },
  backend: {
    default: "auto",
    meaning: "auto, tensorflow, webgpu, wasm or cpu",
    schema: z.enum(BACKENDS),
  },
  tensorflowDir: {
    default: null,
    meaning: "folder of TensorFlow's library; the user's cache when absent",
    schema: z.string().min(1),
  },
  gpuShare: {
    default: "1",
    meaning: "training workers at once on one GPU, where TensorFlow computes on GPUs",
    schema: whole(1, 64),
  },
  sandbox: {
    default: "auto",
    meaning: "auto, require, deno, or trust-native: native code also where bwrap does not work",
    schema: z.enum(SANDBOX_MODES),
  },
  dashboardPort: {
    default: String(ATTACH_PORT),
    meaning: "port that scripts dial in to; 0 takes a free one, off listens to none",
    schema: z.string().transform((text, context) =>
      text === "off" ? null : wholeOf(text, 0, 65_535) ??
        refuse(context, "a whole number from 0 to 65535, or off")
    ),
  },
  maxUpload: { default: "256MiB", meaning: "largest submission", schema: size },
  datasets: {
    default: null,
    meaning: "folders that jobs may read as datasets: name=/path,name=/path",
    schema: mounts,
  },
  datasetQuota: { default: "20GiB", meaning: "most bytes of uploaded datasets", schema: size },
  imports: {
    default: null,
    meaning: "deno.json, with its deno.lock, of packages that modules may import",
    schema: z.string().min(1).transform((path) => resolve(path)),
  },
  allowRead: {
    default: null,
    meaning: "folders that submissions may ask to read: /folder,/folder",
    schema: folders,
  },
  allowNet: {
    default: null,
    meaning: "hosts that submissions may ask to reach: host:port,host",
    schema: hosts,
  },
  jobMemory: { default: "2GiB", meaning: "memory of one worker", schema: size },
  jobTimeout: {
    default: null,
    meaning: "wall-clock time of one worker; none when absent",
    schema: duration,
  },
} as const satisfies Record<string, Setting>;

type Settings = typeof settings;

/** Configuration of the server. Sizes are bytes, durations milliseconds. */
export type ServerConfig = {
  readonly [K in keyof Settings]: Settings[K]["default"] extends string
    ? z.output<Settings[K]["schema"]>
    : z.output<Settings[K]["schema"]> | null;
};

/** A setting that is unknown or cannot be used; `setting` is named as it was given. */
export class ServerConfigError extends Error {
  override name = "ServerConfigError";
  constructor(readonly setting: string, message: string) {
    super(`${setting}: ${message}`);
  }
}

/** `dataDir` is `ONTHEFLY_DATA_DIR` in the environment. */
export function environmentName(key: string): string {
  return `ONTHEFLY_${key.replace(/[A-Z]/g, (letter) => `_${letter}`).toUpperCase()}`;
}

/** `dataDir` is `--data-dir` on the command line. */
export function flagName(key: string): string {
  return `--${key.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
}

/**
 * Reads the configuration: flags over environment over defaults.
 *
 * @param environment Names that do not begin with `ONTHEFLY_` are not looked at.
 * @param flags Arguments after `serve`: `--port 0` or `--port=0`.
 * @throws {ServerConfigError} for an unknown name or a bad value.
 */
export function readServerConfig(
  environment: Readonly<Record<string, string>> = {},
  flags: readonly string[] = [],
): ServerConfig {
  const given = new Map<string, { name: string; text: string }>();
  const keyOfName = new Map(Object.keys(settings).map((key) => [environmentName(key), key]));
  for (const [name, text] of Object.entries(environment)) {
    if (!name.startsWith("ONTHEFLY_")) continue;
    const key = keyOfName.get(name);
    if (key === undefined) {
      throw new ServerConfigError(
        name,
        `no such setting; known: ${[...keyOfName.keys()].join(" ")}`,
      );
    }
    given.set(key, { name, text });
  }
  for (const [key, value] of readFlags(flags)) given.set(key, value);

  const config = Object.fromEntries(
    Object.entries(settings).map(([key, setting]) => {
      const value = given.get(key);
      const text = value?.text ?? setting.default;
      if (text === null) return [key, null];
      const parsed = setting.schema.safeParse(text);
      if (parsed.success) return [key, parsed.data];
      throw new ServerConfigError(
        value?.name ?? key,
        `${parsed.error.issues[0]!.message}; got "${key === "token" ? "..." : text}"`,
      );
    }),
  ) as ServerConfig;
  refuseOpenHost(config);
  return config;
}

/** The table that `--help` prints. */
export function serverConfigHelp(): string {
  const rows = Object.entries(settings).map(([key, setting]) => [
    environmentName(key),
    flagName(key),
    setting.default ?? "-",
    setting.meaning,
  ]);
  const widths = [0, 1, 2].map((column) => Math.max(...rows.map((row) => row[column]!.length)));
  return rows.map((row) =>
    row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join("  ").trimEnd()
  ).join("\n");
}

/** Whether only this machine can reach the host. */
export function isLoopback(host: string): boolean {
  return host === "localhost" || host === "::1" || host === "[::1]" ||
    /^127(\.\d{1,3}){3}$/.test(host);
}

function refuseOpenHost(config: ServerConfig): void {
  if (isLoopback(config.host) || config.token !== null) return;
  throw new ServerConfigError(
    "ONTHEFLY_HOST",
    `${config.host} can be reached from other machines: set ONTHEFLY_TOKEN as well`,
  );
}

function readFlags(flags: readonly string[]): Map<string, { name: string; text: string }> {
  const keyOfFlag = new Map(Object.keys(settings).map((key) => [flagName(key), key]));
  const given = new Map<string, { name: string; text: string }>();
  for (let index = 0; index < flags.length; index++) {
    const [name, inline] = splitOnce(flags[index]!);
    const key = keyOfFlag.get(name);
    if (key === undefined) {
      throw new ServerConfigError(name, `no such flag; known: ${[...keyOfFlag.keys()].join(" ")}`);
    }
    const text = inline ?? flags[++index];
    if (text === undefined) throw new ServerConfigError(name, "a value is missing");
    given.set(key, { name, text });
  }
  return given;
}

function splitOnce(flag: string): [string, string | undefined] {
  const at = flag.indexOf("=");
  return at < 0 ? [flag, undefined] : [flag.slice(0, at), flag.slice(at + 1)];
}

function scaled(text: string, units: Readonly<Record<string, number>>): number | undefined {
  const [, digits, unit] = /^(\d+(?:\.\d+)?)([A-Za-z]+)$/.exec(text) ?? [];
  if (unit === undefined || !Object.hasOwn(units, unit)) return undefined;
  return Math.round(Number(digits) * units[unit]!) || undefined;
}

function refuse(context: z.RefinementCtx, expected: string): never {
  context.addIssue({ code: "custom", message: `expected ${expected}` });
  return z.NEVER;
}
