import { assertEquals, assertMatch } from "@std/assert";
import { type AppFixture, appFixture } from "../fixtures/app_fixture.ts";

const BOUNDARY = "XX";

/** Serves the app and opens a connection to it, for requests that no client library would send. */
async function connect(app: AppFixture["app"]): Promise<{
  connection: Deno.TcpConn;
  close: () => Promise<void>;
}> {
  const server = Deno.serve({ port: 0, hostname: "127.0.0.1", onListen: () => {} }, app.fetch);
  const connection = await Deno.connect({ hostname: "127.0.0.1", port: server.addr.port });
  return { connection, close: () => server.shutdown() };
}

async function send(connection: Deno.TcpConn, text: string): Promise<void> {
  const bytes = new TextEncoder().encode(text);
  for (let sent = 0; sent < bytes.length;) sent += await connection.write(bytes.subarray(sent));
}

function head(headers: Record<string, string>): string {
  const lines = Object.entries({
    Host: "localhost",
    "Content-Type": `multipart/form-data; boundary=${BOUNDARY}`,
    ...headers,
  }).map(([name, value]) => `${name}: ${value}\r\n`);
  return `POST /jobs HTTP/1.1\r\n${lines.join("")}\r\n`;
}

function chunk(text: string): string {
  return `${text.length.toString(16)}\r\n${text}\r\n`;
}

const PART = `--${BOUNDARY}\r\nContent-Disposition: form-data; name="f"; filename="a.bin"\r\n\r\n`;

/** The answer, by its length: the line stays open for the rest of the body. */
async function answerOf(connection: Deno.TcpConn): Promise<string> {
  const buffer = new Uint8Array(16_384);
  for (let size = 0;;) {
    const read = await connection.read(buffer.subarray(size));
    if (read === null) throw new Error("the line ended before the answer");
    size += read;
    const text = new TextDecoder().decode(buffer.subarray(0, size));
    const [, length] = /content-length: (\d+)/i.exec(text) ?? [];
    const body = text.indexOf("\r\n\r\n") + 4;
    if (body >= 4 && text.length >= body + Number(length)) return text;
  }
}

/** Resolves when the folder of uploads changed so that `count` files are there. */
async function uploadsBecome(fixture: AppFixture, count: number): Promise<void> {
  using watcher = Deno.watchFs(fixture.dataDir);
  if (await fixture.uploads() === count) return;
  for await (const _ of watcher) if (await fixture.uploads() === count) return;
}

Deno.test("POST /jobs refuses a body over the limit while it still arrives", async () => {
  await using fixture = await appFixture({ ONTHEFLY_MAX_UPLOAD: "64KiB" });
  const { connection, close } = await connect(fixture.app);
  await send(connection, head({ "Transfer-Encoding": "chunked" }) + chunk(PART));
  // The body has no end, so only a server that refuses in the middle can answer.
  for (let part = 0; part < 5; part++) await send(connection, chunk("x".repeat(16_384)));
  const answer = await answerOf(connection);
  assertMatch(answer, /^HTTP\/1\.1 413 /);
  assertMatch(answer, /content-type: application\/problem\+json/i);
  assertMatch(answer, /"type":"\/problems\/too-large"/);
  assertEquals(await fixture.uploads(), 0);
  connection.close();
  await close();
});

Deno.test("POST /jobs refuses an announced length over the limit without reading it", async () => {
  await using fixture = await appFixture({ ONTHEFLY_MAX_UPLOAD: "64KiB" });
  const { connection, close } = await connect(fixture.app);
  await send(connection, head({ "Content-Length": "1000000000" }));
  assertMatch(await answerOf(connection), /^HTTP\/1\.1 413 /);
  connection.close();
  await close();
});

Deno.test("an upload that is cut off leaves no file and no job", async () => {
  await using fixture = await appFixture();
  const { connection, close } = await connect(fixture.app);
  await send(connection, head({ "Content-Length": "1000000" }) + PART + "x".repeat(50_000));
  await uploadsBecome(fixture, 1);
  connection.close();
  await uploadsBecome(fixture, 0);
  assertEquals(fixture.jobs.asked, []);
  await close();
});
