import project from "../deno.json" with { type: "json" };

/** The version of this package, which is that of its API. */
export const VERSION: string = project.version;
/** The licence of this package, by its SPDX name. */
export const LICENSE: string = project.license;
