/** A value that JSON can carry. Non-finite numbers travel as `null`. */
export type Json = string | number | boolean | null | Json[] | JsonObject;

/** A JSON object. */
export type JsonObject = { [key: string]: Json };
