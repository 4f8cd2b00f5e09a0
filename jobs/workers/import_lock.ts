import { z } from "zod";
import { ServerConfigError } from "../server_config.ts";

/** A `deno.lock`, as far as packages of npm go. */
export const ImportLock = z.looseObject({
  version: z.literal("5"),
  specifiers: z.record(z.string(), z.string()).default({}),
  npm: z.record(
    z.string(),
    z.looseObject({
      integrity: z.string(),
      dependencies: z.array(z.string()).optional(),
      optionalDependencies: z.array(z.string()).optional(),
      optionalPeers: z.array(z.string()).optional(),
    }),
  ).default({}),
  workspace: z.looseObject({ dependencies: z.array(z.string()).default([]) })
    .default({ dependencies: [] }),
});
/** A `deno.lock`, as far as packages of npm go. */
export type ImportLock = z.infer<typeof ImportLock>;

/** What there may be only one of: tensors of one copy are strangers to another. */
const SINGLE = "@tensorflow/tfjs-core";

/**
 * One lock of the server's packages and of those that modules may import besides: every version is
 * as one of the two has it.
 *
 * @throws {ServerConfigError} when they disagree on a package's bytes, or two TensorFlow.js would be.
 */
export function mergeLocks(server: ImportLock, added: ImportLock): ImportLock {
  const npm = { ...spelledOut(server).npm };
  for (const [key, entry] of Object.entries(spelledOut(added).npm)) {
    const own = npm[key];
    if (own !== undefined && own.integrity !== entry.integrity) {
      throw importsError(`the lock has other bytes for ${key} than the server's own`);
    }
    npm[key] = own ?? entry;
  }
  const copies = new Set(Object.keys(npm).filter((key) => nameOf(key) === SINGLE).map(versionOf));
  if (copies.size > 1) {
    throw importsError(
      `the lock brings a second ${SINGLE} (${
        [...copies].join(", ")
      }), whose tensors the server's ` +
        "would not know; pin the server's version",
    );
  }
  const dependencies = [
    ...new Set([...server.workspace.dependencies, ...added.workspace.dependencies]),
  ].sort();
  return {
    version: "5",
    specifiers: { ...added.specifiers, ...server.specifiers },
    npm,
    workspace: { dependencies },
  };
}

/** What is wrong with `ONTHEFLY_IMPORTS`. */
export function importsError(message: string): ServerConfigError {
  return new ServerConfigError("ONTHEFLY_IMPORTS", message);
}

/** With the version at every dependency: a lock leaves it out where it knows but one. */
function spelledOut({ npm, ...rest }: ImportLock): ImportLock {
  const keys = new Map(Object.keys(npm).map((key) => [nameOf(key), key]));
  const full = (list: string[]) =>
    list.map((name) => name.lastIndexOf("@") > 0 ? name : keys.get(name) ?? name);
  const entries = Object.entries(npm).map(([key, entry]) => {
    const { dependencies, optionalDependencies, optionalPeers } = entry;
    return [key, {
      ...entry,
      ...dependencies && { dependencies: full(dependencies) },
      ...optionalDependencies && { optionalDependencies: full(optionalDependencies) },
      ...optionalPeers && { optionalPeers: full(optionalPeers) },
    }];
  });
  return { ...rest, npm: Object.fromEntries(entries) };
}

/** `@a/b` of `@a/b@1.0.0_c@2.0.0`. */
function nameOf(key: string): string {
  return key.slice(0, key.indexOf("@", 1));
}

/** `1.0.0` of `@a/b@1.0.0_c@2.0.0`. */
function versionOf(key: string): string {
  return key.slice(nameOf(key).length + 1).split("_", 1)[0]!;
}
