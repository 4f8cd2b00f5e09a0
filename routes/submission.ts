import { z } from "zod";
import type { ArtifactStore } from "../jobs/storage/artifact_store.ts";
import { JobPermissions } from "../jobs/job.ts";
import { JobName } from "../jobs/submission/job_name.ts";
import type { Submission } from "../jobs/control_plane.ts";
import { UnprocessableError } from "../jobs/errors.ts";
import { checkFileName, checkModuleName } from "../jobs/storage/posted_names.ts";
import { readMultipart } from "./multipart.ts";
import { parseConfig, parseValue } from "./parse.ts";
import {
  decodeUtf8,
  mediaType,
  parseJson,
  readJson,
  readText,
  tooLarge,
  unsupported,
} from "./read_body.ts";
import type { ReceivedFiles } from "./received_files.ts";
import { RequestError } from "./request_error.ts";
import { DatasetNames, JobPatch, SubmissionBody } from "./schemas.ts";

/** Most bytes of one module, of a config and of a whole JSON submission: these are held in memory. */
const MODULE_LIMIT = 4 * 2 ** 20;
const JSON_LIMIT = 64 * 2 ** 20;

const TYPESCRIPT = ["application/typescript", "text/typescript", "application/x-typescript"];
/** Parts of a form that are text. */
const FIELDS = new Set(["config", "project", "run_name", "datasets", "permissions", "priority"]);
const ACCEPTED = ["application/typescript", "multipart/form-data", "application/json"];

/** What a submission is read with. */
export interface SubmissionReader {
  artifacts: Pick<ArtifactStore, "temporaryFile">;
  /** Most bytes of the whole body. */
  maxUpload: number;
  owner: string;
}

/**
 * Reads a posted job in any of its three forms. The files lie in `files` until a job takes them over;
 * what is left there is removed with it.
 *
 * @throws {RequestError} for a body that cannot be read.
 * @throws {UnprocessableError} for a bad name, config key or value.
 */
export function readSubmission(
  request: Request,
  query: Record<string, string>,
  files: ReceivedFiles,
  reader: SubmissionReader,
): Promise<Submission> {
  const type = mediaType(request);
  if (TYPESCRIPT.includes(type)) return fromTypeScript(request, query, reader);
  if (Object.keys(query).length > 0) {
    const key = Object.keys(query)[0]!;
    throw new UnprocessableError(key, `${key}: the query is for application/typescript only`);
  }
  if (type === "multipart/form-data") return fromMultipart(request, files, reader);
  if (type === "application/json") return fromJson(request, files, reader);
  throw unsupported(type, ACCEPTED);
}

async function fromTypeScript(
  request: Request,
  query: Record<string, string>,
  reader: SubmissionReader,
): Promise<Submission> {
  const { project, run_name, datasets, permissions, priority, ...config } = query;
  const values = Object.entries(config).map(([key, text]) => [key, literal(text)]);
  const names = parseNames({ project, run_name });
  const parsed = parseConfig(Object.fromEntries(values));
  const source = await readText(request, Math.min(reader.maxUpload, MODULE_LIMIT));
  return submission(reader, { name: "module.ts", source }, {
    ...names,
    config: parsed,
    datasets: listedDatasets(datasets),
    permissions: writtenPermissions(permissions),
    priority: writtenPriority(priority),
  });
}

async function fromJson(
  request: Request,
  files: ReceivedFiles,
  reader: SubmissionReader,
): Promise<Submission> {
  const json = await readJson(request, Math.min(reader.maxUpload, JSON_LIMIT));
  if (json === undefined) throw emptyBody();
  const body = parseValue(SubmissionBody, json);
  const names = new PostedNames();
  const parts: Partial<Submission> = {
    ...parseNames(body),
    config: parseConfig(body.config),
    datasets: body.datasets,
    permissions: body.permissions,
    priority: body.priority,
    extraModules: Object.entries(body.modules).map(([name, source]) => {
      names.module(name);
      return { name, source };
    }),
    files: [],
  };
  for (const [name, base64] of Object.entries(body.files)) {
    names.file(name);
    parts.files!.push(await files.receive(name, [fromBase64(base64, `files.${name}`)]));
  }
  return submission(reader, { name: "module.ts", source: body.module }, parts);
}

async function fromMultipart(
  request: Request,
  files: ReceivedFiles,
  reader: SubmissionReader,
): Promise<Submission> {
  const names = new PostedNames();
  const fields: Record<string, string> = {};
  const parts = { extraModules: [], files: [] } as Pick<Submission, "extraModules" | "files">;
  let module: Submission["module"] | undefined;
  await readMultipart(request, reader.maxUpload, async ({ name, filename, bytes }) => {
    if (name === "module") {
      if (module !== undefined) {
        throw new UnprocessableError("module", "module is given more than once");
      }
      module = { name: filename?.split(/[/\\]/).at(-1) || "module.ts", source: "" };
      module.source = await text(bytes, "module");
    } else if (FIELDS.has(name)) {
      if (name in fields) throw new UnprocessableError(name, `${name} is given more than once`);
      fields[name] = "";
      fields[name] = await text(bytes, name);
    } else if (filename === undefined) {
      throw new UnprocessableError(
        name,
        `part ${name} has no file name; parts without one are module, ${[...FIELDS].join(", ")}`,
      );
    } else if (filename.endsWith(".ts")) {
      names.module(filename);
      parts.extraModules.push({ name: filename, source: await text(bytes, name) });
    } else {
      names.file(filename);
      parts.files.push(await files.receive(filename, bytes));
    }
  });
  if (module === undefined) throw new UnprocessableError("module", "the part module is missing");
  const config = parseJson(fields["config"] ?? "{}", "the part config");
  if (config === null || typeof config !== "object" || Array.isArray(config)) {
    throw new UnprocessableError("config", "config: expected a JSON object");
  }
  return submission(reader, module, {
    ...parts,
    ...parseNames(fields),
    config: parseConfig(config as Record<string, unknown>),
    datasets: listedDatasets(fields["datasets"]),
    permissions: writtenPermissions(fields["permissions"]),
    priority: writtenPriority(fields["priority"]),
  });
}

/** Names of datasets, separated by commas. */
function listedDatasets(text: string | undefined): string[] {
  const names = text?.split(",").map((name) => name.trim()).filter((name) => name !== "") ?? [];
  return parseValue(z.object({ datasets: DatasetNames }), { datasets: names }).datasets;
}

/** Permissions as JSON. */
function writtenPermissions(text: string | undefined): JobPermissions | undefined {
  if (text === undefined) return undefined;
  const schema = z.object({ permissions: JobPermissions });
  return parseValue(schema, { permissions: parseJson(text, "permissions") }).permissions;
}

function writtenPriority(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  return parseValue(JobPatch, { priority: literal(text) }).priority;
}

/** The names in a submission: each one that can be, and none of them twice. */
class PostedNames {
  #taken = new Set<string>();

  module(name: string): void {
    checkModuleName(name);
    this.#take(name, "module");
  }

  file(name: string): void {
    checkFileName(name);
    this.#take(name, "files");
  }

  #take(name: string, field: string): void {
    // Some file systems take two names for one when only their case differs.
    const key = `${field}/${name.toLowerCase()}`;
    if (this.#taken.has(key)) {
      throw new UnprocessableError(field, `${field}: two parts are named ${name}`);
    }
    this.#taken.add(key);
  }
}

function submission(
  reader: SubmissionReader,
  module: Submission["module"],
  parts: Partial<Submission>,
): Submission {
  if (module.source.trim() === "") throw emptyBody();
  return { extraModules: [], files: [], config: {}, ...parts, module, owner: reader.owner };
}

function parseNames(
  names: { project?: string | undefined; run_name?: string | undefined },
): Pick<Submission, "project" | "runName"> {
  const schema = z.object({ project: JobName.optional(), run_name: JobName.optional() });
  const { project, run_name } = parseValue(schema, names);
  return { project, runName: run_name };
}

/** A query value as JSON would have it; what is none of its literals stays text. */
function literal(text: string): unknown {
  if (text === "true" || text === "false") return text === "true";
  if (text === "null") return null;
  return /^-?\d+(\.\d+)?(e[+-]?\d+)?$/i.test(text) ? Number(text) : text;
}

async function text(bytes: AsyncIterable<Uint8Array>, field: string): Promise<string> {
  const chunks: Uint8Array<ArrayBuffer>[] = [];
  let size = 0;
  for await (const chunk of bytes) {
    size += chunk.byteLength;
    if (size > MODULE_LIMIT) throw tooLarge(MODULE_LIMIT, `part ${field}`);
    chunks.push(chunk.slice());
  }
  return decodeUtf8(new Uint8Array(await new Blob(chunks).arrayBuffer()), `part ${field}`);
}

function fromBase64(text: string, field: string): Uint8Array {
  try {
    return Uint8Array.fromBase64(text);
  } catch {
    // The reason names an offset in the text, which helps nobody.
    throw new UnprocessableError(field, `${field}: expected base64`);
  }
}

function emptyBody(): RequestError {
  return new RequestError("malformed-request", "the body is empty: post a job module", {
    field: "module",
  });
}
