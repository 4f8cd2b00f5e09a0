/** Version of the key layout in `job_store.ts`. */
const KV_SCHEMA_VERSION = 1;

/** What brings version n to n + 1, by n. */
const MIGRATIONS: Record<number, (kv: Deno.Kv) => Promise<void>> = {};

/**
 * Marks a new store with the version of its layout, or brings an older one up. A store in a file
 * is copied beside itself first.
 *
 * @throws {Error} when the store's layout is newer than this program's.
 */
export async function prepareKv(kv: Deno.Kv, path: string): Promise<void> {
  const found = (await kv.get<number>(["schema"])).value;
  if (found === null) {
    await kv.atomic().check({ key: ["schema"], versionstamp: null })
      .set(["schema"], KV_SCHEMA_VERSION).commit();
    return;
  }
  if (found > KV_SCHEMA_VERSION) {
    throw new Error(
      `the job store ${path} has schema version ${found}, this program knows up to ${KV_SCHEMA_VERSION}`,
    );
  }
  if (found === KV_SCHEMA_VERSION) return;
  if (path !== ":memory:" && !URL.canParse(path)) await Deno.copyFile(path, `${path}.v${found}`);
  for (let version = found; version < KV_SCHEMA_VERSION; version++) {
    await MIGRATIONS[version]!(kv);
    await kv.set(["schema"], version + 1);
  }
}
