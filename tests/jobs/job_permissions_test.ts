import { assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { ConflictError, UnprocessableError } from "../../jobs/errors.ts";
import { JobPermissions } from "../../jobs/job.ts";
import { grantPermissions, stillGranted } from "../../jobs/submission/permissions.ts";
import { AttemptRecord } from "../fixtures/attempt_record.ts";
import { JobFolder } from "../fixtures/job_folder.ts";

/** Folders `pets/cats`, `pets/link` that leads to `secret`, and `secret`. */
async function withFolders(test: (folder: string) => Promise<void>): Promise<void> {
  const folder = await Deno.realPath(await Deno.makeTempDir());
  try {
    await Deno.mkdir(`${folder}/pets/cats`, { recursive: true });
    await Deno.mkdir(`${folder}/secret`);
    await Deno.writeTextFile(`${folder}/pets/cats/1.txt`, "miaow");
    await Deno.writeTextFile(`${folder}/secret/1.txt`, "hush");
    await Deno.symlink(`${folder}/secret`, `${folder}/pets/link`);
    await test(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

Deno.test("grantPermissions() grants what the policy has, and names what it has otherwise", async () => {
  await withFolders(async (folder) => {
    const policy = {
      read: [`${folder}/pets`, `${folder}/gone`],
      net: ["example.com:443", "[::1]"],
      dataDir: `${folder}/pets/.onthefly`,
    };
    const granted = { read: [`${folder}/pets/cats`], net: ["example.com:443", "[::1]:80"] };
    assertEquals(await grantPermissions(granted, policy), granted);
    const cases: [Partial<JobPermissions>, string, string][] = [
      [{ read: [`${folder}/secret`] }, "permissions.read[0]", `allows ${folder}/pets`],
      [{ read: [`${folder}/pets2`] }, "permissions.read[0]", "ONTHEFLY_ALLOW_READ"],
      [{ read: [`${folder}/pets/link`] }, "permissions.read[0]", "is a symbolic link"],
      [{ read: [`${folder}/pets/cats/1.txt`] }, "permissions.read[0]", "is no folder"],
      [{ read: [`${folder}/pets/cats`, `${folder}/gone`] }, "permissions.read[1]", "is not there"],
      [{ read: [`${folder}/pets`] }, "permissions.read[0]", "the server's data folder"],
      [{ read: [`${folder}/pets/.onthefly/jobs`] }, "permissions.read[0]", "data folder"],
      [{ net: ["example.com:80"] }, "permissions.net[0]", "allows example.com:443"],
      [{ net: ["sub.example.com:443"] }, "permissions.net[0]", "ONTHEFLY_ALLOW_NET"],
    ];
    for (const [asked, field, message] of cases) {
      const error = await assertRejects(
        () => grantPermissions({ read: [], net: [], ...asked }, policy),
        UnprocessableError,
      );
      assertEquals(error.field, field);
      assertStringIncludes(error.message, message);
    }
  });
});

Deno.test("grantPermissions() without a policy grants nothing, and takes nothing asked for", async () => {
  const none = { read: [], net: [] };
  assertEquals(await grantPermissions(none, undefined), none);
  await assertRejects(
    () => grantPermissions({ read: ["/usr"], net: [] }, undefined),
    UnprocessableError,
    "ONTHEFLY_ALLOW_READ allows nothing",
  );
});

Deno.test("stillGranted() refuses what a policy has no longer", async () => {
  const granted = { read: [], net: ["example.com:443"] };
  const policy = { read: [], net: ["example.com"], dataDir: "/data" };
  assertEquals(await stillGranted(granted, policy), granted);
  assertEquals(await stillGranted(undefined, policy), undefined);
  await assertRejects(() => stillGranted(granted, { ...policy, net: [] }), ConflictError);
});

Deno.test("JobPermissions takes absolute paths and host:port alone", () => {
  const bad = [
    { read: ["data"] },
    { read: ["/data/../etc"] },
    { read: ["/a,/b"] },
    { net: ["example.com"] },
    { net: ["https://example.com:443"] },
    { net: ["a:1,b:2"] },
    { net: ["*:80"] },
    { run: ["sh"] },
  ];
  for (const asked of bad) assertEquals(JobPermissions.safeParse(asked).success, false, `${asked}`);
  assertEquals(JobPermissions.parse({ net: ["[::1]:80"] }), { read: [], net: ["[::1]:80"] });
});

/** A server that says hello to whoever connects, at a port of its own. */
function greeter(): Deno.HttpServer<Deno.NetAddr> {
  return Deno.serve({ port: 0, hostname: "127.0.0.1", onListen() {} }, () => new Response("hello"));
}

for (const sandbox of ["auto", "deno"] as const) {
  Deno.test(`a worker may do what it was granted and no more, with sandbox ${sandbox}`, async () => {
    await withFolders(async (data) => {
      await using folder = await JobFolder.open(sandbox);
      await using open = greeter();
      await using closed = greeter();
      const module = `import { attempt } from "./attempt.ts";
export { default } from "./tiny_job.ts";
const [open, closed] = ["http://127.0.0.1:${open.addr.port}", "http://127.0.0.1:${closed.addr.port}"];
await attempt("read granted", () => Deno.readTextFile("${data}/pets/cats/1.txt"));
await attempt("fetch granted", async () => await (await fetch(open)).text());
await attempt("read beside", () => Deno.readTextFile("${data}/secret/1.txt"));
await attempt("list above", () => [...Deno.readDirSync("${data}")]);
await attempt("write granted", () => Deno.writeTextFile("${data}/pets/cats/2.txt", "x"));
await attempt("fetch another port", async () => await (await fetch(closed)).text());
await attempt("connect elsewhere", () => Deno.connect({ hostname: "127.0.0.1", port: ${closed.addr.port} }));
await attempt("import from it", async () => await import(open + "/module.ts" + ""));
await attempt("run", () => new Deno.Command("true").output());
`;
      const request = await folder.request("escapes", module, { job: `job-${sandbox}` });
      const port = open.addr.port;
      const permissions = { read: [`${data}/pets/cats`], net: [`127.0.0.1:${port}`] };
      const { code, stderrTail, lines } = await run(folder, { ...request, permissions });
      assertEquals(code, 0, stderrTail);
      const [granted, others] = [lines.slice(0, 2), lines.slice(2)];
      assertEquals(granted, ["escaped: read granted: miaow", "escaped: fetch granted: hello"]);
      assertEquals(others.length, 7);
      for (const line of others) assertStringIncludes(line, "denied: ");

      const bare = await run(folder, await folder.request("escapes", module, { job: "job-bare" }));
      assertEquals(bare.lines.filter((line) => line.startsWith("escaped: ")), []);
    });
  });
}

async function run(folder: JobFolder, request: Awaited<ReturnType<JobFolder["request"]>>) {
  const record = new AttemptRecord(await folder.launcher.launch(request));
  const { code, stderrTail } = await record.exit();
  return { code, stderrTail, lines: record.lines("stdout") };
}
