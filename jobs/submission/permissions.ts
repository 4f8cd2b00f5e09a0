import { resolve } from "node:path";
import { ConflictError, UnprocessableError } from "../errors.ts";
import type { JobPermissions } from "../job.ts";

/** What the operator lets submissions ask for, beyond what every worker may do. */
export interface PermissionPolicy {
  /** Folders, absolute; what lies below them may be asked for too. */
  read: readonly string[];
  /** `host:port`, or `host` for each of its ports. */
  net: readonly string[];
  /** What no worker reads, whatever the folders above are: it holds other people's jobs. */
  dataDir: string;
}

/**
 * Grants what was asked for, or refuses all of it.
 *
 * @throws {UnprocessableError} that names the field, and in `allowed` what the policy has.
 */
export async function grantPermissions(
  asked: JobPermissions,
  policy: PermissionPolicy | undefined,
): Promise<JobPermissions> {
  const { read: folders, net: hosts, dataDir } = policy ?? { read: [], net: [], dataDir: "/" };
  asked.net.forEach((address, at) => {
    if (hosts.some((host) => host === address || host === hostOf(address))) return;
    throw refusal(`permissions.net[${at}]`, address, "ONTHEFLY_ALLOW_NET", hosts);
  });
  for (const [at, path] of asked.read.entries()) {
    const field = `permissions.read[${at}]`;
    if (!folders.some((folder) => isWithin(path, folder))) {
      throw refusal(field, path, "ONTHEFLY_ALLOW_READ", folders);
    }
    const fault = await faultOf(path, dataDir);
    if (fault !== null) throw new UnprocessableError(field, `${field}: ${path} ${fault}`);
  }
  return asked;
}

/**
 * Holds what a job was granted against today's policy, before a worker gets it.
 *
 * @throws {ConflictError} when the policy has it no longer.
 */
export async function stillGranted(
  granted: JobPermissions | undefined,
  policy: PermissionPolicy | undefined,
): Promise<JobPermissions | undefined> {
  if (granted === undefined) return undefined;
  try {
    return await grantPermissions(granted, policy);
  } catch (cause) {
    if (!(cause instanceof UnprocessableError)) throw cause;
    throw new ConflictError(`what the job was granted is granted no longer: ${cause.message}`);
  }
}

function refusal(
  field: string,
  asked: string,
  setting: string,
  allowed: readonly string[],
): UnprocessableError {
  const there = allowed.length === 0 ? "nothing" : allowed.join(", ");
  const message = `${field}: this server does not grant ${asked}; ${setting} allows ${there}`;
  return new UnprocessableError(field, message, { allowed });
}

/** Why a worker cannot be given a folder that the policy has; null when it can. */
async function faultOf(path: string, dataDir: string): Promise<string | null> {
  const home = resolve(dataDir);
  if (isWithin(home, path) || isWithin(path, home)) return "is, or holds, the server's data folder";
  try {
    const real = await Deno.realPath(path);
    // A link would lead where the policy has not looked.
    if (real !== path) return `is a symbolic link; ask for ${real}`;
    return (await Deno.stat(path)).isDirectory ? null : "is no folder";
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return "is not there";
    throw error;
  }
}

function isWithin(path: string, folder: string): boolean {
  return path === folder || path.startsWith(folder === "/" ? "/" : `${folder}/`);
}

function hostOf(address: string): string {
  return address.slice(0, address.lastIndexOf(":"));
}
