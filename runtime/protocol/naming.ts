/**
 * Names are camelCase in TypeScript and snake_case on every wire. These two functions are the
 * only place where one becomes the other; they touch the keys of one object, not its values.
 */

/** `maxEpochs` becomes `max_epochs`. */
export function toSnakeCase(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}

/** `max_epochs` becomes `maxEpochs`. */
export function toCamelCase(name: string): string {
  return name.replace(/_+([a-z0-9])/g, (_, letter: string) => letter.toUpperCase());
}

/** Renames the keys of one object, one level deep. */
export function renameKeys(
  record: Record<string, unknown>,
  rename: (name: string) => string,
): Record<string, unknown> {
  return Object.fromEntries(Object.entries(record).map(([key, value]) => [rename(key), value]));
}
