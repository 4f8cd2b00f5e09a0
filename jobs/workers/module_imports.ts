import { dirname, join } from "@std/path";
import { createHash } from "node:crypto";
import { z } from "zod";
import { denoCacheKey } from "./deno_cache.ts";
import { ImportLock, importsError, mergeLocks } from "./import_lock.ts";

/** Packages that modules may import beside the server's own. */
export interface ModuleImports {
  /** Where workers find deno.json, runtime/ and node_modules/ with these packages among the others. */
  root: string;
  /** What a module writes behind `from`, or the beginning of it. */
  names: string[];
  /** SHA-256 of the operator's lock. */
  lock: string;
}

/** What an installation is made of. Paths are absolute. */
export interface ImportsOptions {
  /** The operator's deno.json, its deno.lock beside it. */
  config: string;
  /** Folder of the server's deno.json, deno.lock and runtime/. */
  projectRoot: string;
  dataDir: string;
}

const Config = z.looseObject({ imports: z.record(z.string(), z.string()).default({}) });
const PACKAGE = /^npm:\/?(@[^/@]+\/)?[^/@]+(@[^/]+)?(\/.*)?$/;
/** These mean the server's own whatever a config says. */
const SERVERS_OWN = new Set(["onthefly"]);

/**
 * Installs the packages of `ONTHEFLY_IMPORTS` beside those of the server, as both locks have them,
 * with no lifecycle script: one `node_modules` for the runtime and for modules, so that a package
 * finds the same TensorFlow.js. Done already, it is found again.
 *
 * @throws {ServerConfigError} when the config or its lock cannot be used, or Deno cannot install it.
 */
export async function installImports(options: ImportsOptions): Promise<ModuleImports> {
  const { config, projectRoot, dataDir } = options;
  const lockText = await readText(join(dirname(config), "deno.lock"), "run `deno install` there");
  const { imports } = parsed(Config, await readText(config, "there is no such file"), config);
  const lock = parsed(ImportLock, lockText, `${dirname(config)}/deno.lock`);
  const server = Config.parse(JSON.parse(await Deno.readTextFile(`${projectRoot}/deno.json`)));
  const serverLock = await Deno.readTextFile(`${projectRoot}/deno.lock`);
  const names = Object.keys(imports).filter((name) => !SERVERS_OWN.has(name));
  for (const name of names) checkImport(name, imports[name]!, server.imports[name]);
  const files = {
    "deno.json": JSON.stringify({
      ...server,
      imports: { ...imports, ...server.imports },
      // Scripts of packages run for nobody here.
      allowScripts: undefined,
    }),
    "deno.lock": JSON.stringify(mergeLocks(ImportLock.parse(JSON.parse(serverLock)), lock)),
  };
  const key = sha256(JSON.stringify([denoCacheKey(projectRoot), files])).slice(0, 16);
  const root: string = join(dataDir, "imports", key);
  if (!await exists(root)) await install(root, files, projectRoot);
  return { root, names, lock: sha256(lockText) };
}

/**
 * Lets modules in the data folder find the packages of `root`, or those of the server with null:
 * Deno looks for them in the folders above a module first, and a data folder may lie in a checkout.
 */
export async function linkImports(dataDir: string, root: string | null): Promise<void> {
  const link = join(dataDir, "node_modules");
  await Deno.remove(link).catch((error) => {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  });
  if (root !== null) await Deno.symlink(join(root, "node_modules"), link);
}

/** Makes the folder, whole or not at all, in place of those of other versions. */
async function install(
  root: string,
  files: Record<string, string>,
  projectRoot: string,
): Promise<void> {
  const parent: string = dirname(root);
  await removeIfThere(parent);
  const folder = `${root}.part`;
  await copyFolder(`${projectRoot}/runtime`, `${folder}/runtime`);
  for (const [name, text] of Object.entries(files)) {
    await Deno.writeTextFile(`${folder}/${name}`, text);
  }
  const { success, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["install", "--frozen", "--quiet", "--node-modules-dir=auto"],
    cwd: folder,
    env: { NO_COLOR: "1", DENO_NO_UPDATE_CHECK: "1" },
    stdin: "null",
    stdout: "null",
    stderr: "piped",
  }).output();
  if (!success) {
    const said = new TextDecoder().decode(stderr).trim().slice(-2_000);
    throw importsError(`the packages cannot be installed: ${said}`);
  }
  await Deno.rename(folder, root);
}

function checkImport(name: string, target: string, own: string | undefined): void {
  if (!/^[@\w]/.test(name) || name.includes(":")) {
    throw importsError(`imports: ${name}: expected a bare name`);
  }
  if (!PACKAGE.test(target)) {
    throw importsError(`imports: ${name}: ${target} is no package of npm (npm:name@version)`);
  }
  if (own !== undefined && own !== target) {
    throw importsError(`imports: ${name}: it is ${own} here, which the server itself uses`);
  }
}

function parsed<T>(schema: z.ZodType<T>, text: string, path: string): T {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (cause) {
    throw importsError(`${path} is not JSON: ${cause instanceof Error ? cause.message : cause}`);
  }
  const result = schema.safeParse(json);
  if (result.success) return result.data;
  const { path: field, message } = result.error.issues[0]!;
  throw importsError(`${path}: ${[...field, message].join(": ")}`);
}

async function readText(path: string, missing: string): Promise<string> {
  try {
    return await Deno.readTextFile(path);
  } catch (cause) {
    const reason = cause instanceof Deno.errors.NotFound
      ? missing
      : cause instanceof Error
      ? cause.message
      : cause;
    throw importsError(`cannot read ${path}: ${reason}`);
  }
}

async function copyFolder(from: string, to: string): Promise<void> {
  await Deno.mkdir(to, { recursive: true });
  for await (const { name, isDirectory } of Deno.readDir(from)) {
    if (isDirectory) await copyFolder(`${from}/${name}`, `${to}/${name}`);
    else await Deno.copyFile(`${from}/${name}`, `${to}/${name}`);
  }
}

async function exists(path: string): Promise<boolean> {
  return await Deno.stat(path).then(() => true, () => false);
}

async function removeIfThere(path: string): Promise<void> {
  try {
    await Deno.remove(path, { recursive: true });
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
}

function sha256(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}
