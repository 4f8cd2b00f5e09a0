import { type Context, Hono } from "hono";
import type { ControlPlane, PostedFile } from "../jobs/control_plane.ts";
import { ConflictError, UnprocessableError } from "../jobs/errors.ts";
import { ENDED } from "../jobs/job.ts";
import type { DatasetRecord } from "../jobs/storage/dataset_store.ts";
import type { AppDeps } from "./app_deps.ts";
import { readMultipart } from "./multipart.ts";
import { parseValue } from "./parse.ts";
import { cutOff, limitedBody, mediaType } from "./read_body.ts";
import { ReceivedFiles } from "./received_files.ts";
import { RequestError } from "./request_error.ts";
import { DatasetFileQuery } from "./schemas.ts";
import { sendFile } from "./send_file.ts";

/** Datasets: files that many jobs read. */
export function datasetRoutes(deps: AppDeps): Hono {
  const { datasets, jobs } = deps;
  return new Hono()
    .get("/datasets", async (c) => {
      const items = (await datasets.list()).map(({ files, ...record }) =>
        datasetView({ ...record, files: files.length })
      );
      return c.json({ items, next_cursor: null });
    })
    .get(
      "/datasets/:name",
      async (c) => c.json(datasetView(await datasets.get(c.req.param("name")))),
    )
    .put("/datasets/:name", (c) => upload(c, deps))
    .get("/datasets/:name/content", async (c) => {
      const { file } = parseValue(DatasetFileQuery, c.req.query());
      const name = c.req.param("name");
      const found = await datasets.file(name, file ?? await onlyFile(await datasets.get(name)));
      return await sendFile(c, { ...found, name: found.name.split("/").at(-1)! });
    })
    .delete("/datasets/:name", async (c) => {
      const name = c.req.param("name");
      await datasets.remove(name, () => assertFree(jobs, name));
      return c.body(null, 204);
    });
}

/** As the API shows it: with its address. */
function datasetView<T extends { name: string }>(record: T) {
  const self = `/datasets/${record.name}`;
  return { ...record, links: { self, content: `${self}/content` } };
}

/** Receives the files beside one another and makes a dataset of them once all are there. */
async function upload(c: Context, deps: AppDeps): Promise<Response> {
  const { datasets, jobs, artifacts } = deps;
  const name = c.req.param("name")!;
  datasets.assertWritable(name);
  const room = await datasets.room(name);
  await using files = new ReceivedFiles(artifacts);
  let posted: PostedFile[];
  try {
    posted = mediaType(c.req.raw) === "multipart/form-data"
      ? await receiveParts(c.req.raw, files, room)
      : [await receiveBody(c, name, files, room)];
  } catch (error) {
    if (!(error instanceof RequestError) || error.slug !== "too-large") throw error;
    const detail = `the quota of all datasets (ONTHEFLY_DATASET_QUOTA) leaves ${room} bytes`;
    throw new RequestError("too-large", detail, { limit: room }, { cause: error });
  }
  const { record, created } = await datasets.put(name, posted, () => assertFree(jobs, name));
  c.header("Location", `/datasets/${name}`);
  return c.json(datasetView(record), created ? 201 : 200);
}

/** One file: the body itself, named by `?file=`, else as the dataset. */
async function receiveBody(
  c: Context,
  dataset: string,
  files: ReceivedFiles,
  room: number,
): Promise<PostedFile> {
  const { file = dataset } = parseValue(DatasetFileQuery, c.req.query());
  const body = limitedBody(c.req.raw, room);
  let posted: PostedFile;
  try {
    posted = await files.receive(file, body);
  } catch (error) {
    throw error instanceof RequestError || isDiskFull(error) ? error : cutOff(error);
  }
  const expected = /(?:^|,)\s*sha-256=:([^:]*):/.exec(c.req.header("Content-Digest") ?? "")?.[1];
  if (expected === undefined || sameDigest(expected, posted.sha256)) return posted;
  throw new UnprocessableError(
    "Content-Digest",
    `Content-Digest: the body's SHA-256 is ${posted.sha256}, not the one announced`,
  );
}

function sameDigest(base64: string, hex: string): boolean {
  try {
    return Uint8Array.fromBase64(base64).toHex() === hex;
  } catch {
    return false; // What is no base64 is no digest of anything.
  }
}

/** Several files: each part under its file name, which may have folders (`cats/1.png`). */
async function receiveParts(
  request: Request,
  files: ReceivedFiles,
  room: number,
): Promise<PostedFile[]> {
  const posted: PostedFile[] = [];
  await readMultipart(request, room, async ({ name, filename, bytes }) => {
    if (filename === undefined) {
      throw new UnprocessableError(name, `part ${name} has no file name`);
    }
    posted.push(await files.receive(filename, bytes));
  });
  return posted;
}

function onlyFile({ name, files }: DatasetRecord): string {
  if (files.length === 1) return files[0]!.name;
  throw new UnprocessableError("file", `file: ${name} has ${files.length} files; say which`);
}

/** @throws {ConflictError} that names the jobs which may still read the dataset. */
async function assertFree(jobs: ControlPlane, name: string): Promise<void> {
  const users: string[] = [];
  let cursor: string | undefined;
  do {
    const page = await jobs.list({ limit: 200, cursor });
    for (const { id, state, datasets = [] } of page.items) {
      if (!ENDED.has(state) && datasets.some((used) => used.name === name)) users.push(id);
    }
    cursor = page.next_cursor ?? undefined;
  } while (cursor !== undefined);
  if (users.length === 0) return;
  throw new ConflictError(`the dataset ${name} is in use by ${users.join(", ")}`, { jobs: users });
}

function isDiskFull(error: unknown): boolean {
  return error instanceof Error && "code" in error && error.code === "ENOSPC";
}
