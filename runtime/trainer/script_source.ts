import { basename } from "@std/path";
import { type Hello, MAX_HELLO_FILES } from "../protocol/attachment.ts";

/** Files that a run has read through `ctx.file`, to be given to a server that rebuilds it. */
export class ScriptFiles {
  readonly #folder: string | URL;
  readonly #read = new Map<string, Uint8Array>();

  constructor(folder: string | URL) {
    this.#folder = folder;
  }

  /** Reads a file of the folder. @throws {Deno.errors.NotFound} when it is not there. */
  async read(name: string): Promise<Uint8Array> {
    const folder = this.#folder;
    const path = folder instanceof URL
      ? new URL(name, folder.href.endsWith("/") ? folder : `${folder.href}/`)
      : `${folder}/${name}`;
    const bytes = await Deno.readFile(path);
    this.#read.set(name, bytes);
    return bytes;
  }

  /** Them all, or null when they are too large to travel. */
  encoded(): Hello["files"] | null {
    const files = [...this.#read];
    if (files.reduce((sum, [, bytes]) => sum + bytes.length, 0) > MAX_HELLO_FILES) return null;
    return files.map(([name, bytes]) => ({ name, base64: bytes.toBase64() }));
  }
}

/** A module's text; null for what is no file, or cannot be read. */
export async function sourceOf(module: string | URL): Promise<Hello["module"]> {
  const url = module instanceof URL ? module.href : module;
  try {
    const path = url.startsWith("file:") ? new URL(url) : url;
    const source = await Deno.readTextFile(path);
    return { name: basename(url) as string, source: source.slice(0, 1_000_000) };
  } catch {
    // Shown or not, the run is the same.
    return null;
  }
}

/** The text of the script that was started. */
export async function mainSource(): Promise<Hello["script"]> {
  const { state } = await Deno.permissions.query({ name: "read" });
  return state === "granted" ? await sourceOf(Deno.mainModule) : null;
}
