/**
 * What the operator asks for: bubblewrap where it works, bubblewrap or nothing, Deno's own only;
 * `trust-native` is `auto`, and native code may run where bubblewrap does not work.
 */
export const SANDBOX_MODES = ["auto", "require", "deno", "trust-native"] as const;
/** What the operator asks for. */
export type SandboxMode = (typeof SANDBOX_MODES)[number];

/** Isolation that is really there, and why. */
export interface Isolation {
  kind: "bwrap+deno" | "deno";
  reason: string;
}

/** What a process inside bubblewrap sees of the disk, beside the system's libraries. */
export interface SandboxView {
  readable: readonly string[];
  writable: readonly string[];
  /** Folders that look empty, and that it may fill with what is gone when it ends. */
  scratch: readonly string[];
  /** Its whole environment. */
  env: Readonly<Record<string, string>>;
  workingDir: string;
  /** Whether it has the machine's network, which Deno then limits to the hosts that were granted. */
  network?: boolean;
  /** Device nodes of GPUs that it may use, and with them what drivers read of the system. */
  devices?: readonly string[];
}

/**
 * Finds out what isolation there can be, by launching `deno --version` inside bubblewrap: that the
 * program exists says little, since containers and some systems forbid what it does.
 * @param deno Absolute path of the Deno binary.
 * @throws {Error} when bubblewrap is required and does not work.
 */
export async function probeIsolation(mode: SandboxMode, deno: string): Promise<Isolation> {
  if (mode === "deno") return { kind: "deno", reason: "asked for by configuration" };
  const view = { readable: [deno], writable: [], scratch: [], env: {}, workingDir: "/" };
  const failure = await launchFailure([...bwrapArguments(view), deno, "--version"]);
  if (failure === null) return { kind: "bwrap+deno", reason: "a probe inside bwrap succeeded" };
  const reason = `bwrap does not work here: ${failure}`;
  if (mode === "auto") return { kind: "deno", reason };
  if (mode === "trust-native") return { kind: "deno", reason: `${reason}; native code is trusted` };
  throw new Error(`the sandbox is required, yet bwrap does not work here: ${failure}`);
}

/**
 * Arguments of `bwrap` before the program: namespaces of its own for all but the user's files that
 * the view names, at the paths they have outside; no network unless the view says so; gone when its
 * parent is gone.
 */
export function bwrapArguments(view: SandboxView): string[] {
  return [
    "--unshare-all",
    "--die-with-parent",
    "--new-session",
    "--clearenv",
    ...systemLibraries(),
    ...["--proc", "/proc", "--dev", "/dev", "--tmpfs", "/tmp"],
    ...view.readable.flatMap((path) => ["--ro-bind", path, path]),
    ...(view.network ? networkFiles() : []),
    ...deviceFiles(view.devices ?? []),
    ...view.scratch.flatMap((path) => ["--tmpfs", path]),
    ...view.writable.flatMap((path) => ["--bind", path, path]),
    ...Object.entries(view.env).flatMap(([name, value]) => ["--setenv", name, value]),
    ...["--chdir", view.workingDir, "--"],
  ];
}

/** The machine's network, and what names are looked up with. */
function networkFiles(): string[] {
  const names = ["resolv.conf", "hosts", "nsswitch.conf"].map((name) => `/etc/${name}`);
  return ["--share-net", ...names.flatMap((path) => ["--ro-bind-try", path, path])];
}

/** The nodes, and where drivers look up which device a node is and which driver it wants. */
function deviceFiles(nodes: readonly string[]): string[] {
  if (nodes.length === 0) return [];
  const facts = ["/sys/dev", "/sys/devices", "/sys/bus", "/sys/class", "/etc/vulkan", "/etc/glvnd"];
  return [
    ...facts.flatMap((path) => ["--ro-bind-try", path, path]),
    ...nodes.flatMap((path) => ["--dev-bind", path, path]),
  ];
}

/** Where the dynamic linker looks: links on merged systems, folders on others. */
function systemLibraries(): string[] {
  const folders = ["/lib", "/lib32", "/lib64"].flatMap((path) => {
    try {
      const { isSymlink } = Deno.lstatSync(path);
      return isSymlink ? ["--symlink", Deno.readLinkSync(path), path] : ["--ro-bind", path, path];
    } catch (error) {
      if (error instanceof Deno.errors.NotFound) return [];
      throw error;
    }
  });
  return ["--ro-bind", "/usr", "/usr", ...folders];
}

/** Runs `bwrap`; answers null when all went well, else what it said. */
async function launchFailure(args: string[]): Promise<string | null> {
  try {
    const { success, code, stderr } = await new Deno.Command("bwrap", {
      args,
      stdin: "null",
      stdout: "null",
      stderr: "piped",
      signal: AbortSignal.timeout(10_000),
    }).output();
    if (success) return null;
    return new TextDecoder().decode(stderr).trim() || `it exited with ${code}`;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return "there is no such program";
    return error instanceof Error ? error.message : `${error}`;
  }
}
