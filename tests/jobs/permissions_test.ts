import { assert, assertEquals, assertThrows } from "@std/assert";
import { denoArguments, readablePaths } from "../../jobs/workers/permissions.ts";

const policy = {
  projectRoot: "/srv/onthefly",
  entry: "/srv/onthefly/runtime/worker.ts",
  jobDir: "/data/jobs/job-1",
  checkpointDir: "/data/jobs/job-1/checkpoints/1",
  heapBytes: 512 * 2 ** 20,
};

Deno.test("denoArguments() grants reading, writing one folder, and nothing else", () => {
  const granted = denoArguments(policy).filter((argument) =>
    /^--(allow|unstable)|^-A/.test(argument)
  );
  assertEquals(granted, [
    "--allow-read=/srv/onthefly/deno.json,/srv/onthefly/runtime,/srv/onthefly/node_modules,/data/jobs/job-1",
    "--allow-write=/data/jobs/job-1/checkpoints/1",
  ]);
});

Deno.test("denoArguments() neither asks nor fetches, and bounds the heap", () => {
  const args = denoArguments(policy);
  for (const flag of ["--no-prompt", "--no-remote", "--cached-only", "--node-modules-dir=manual"]) {
    assert(args.includes(flag), flag);
  }
  assert(args.includes("--v8-flags=--max-old-space-size=512"));
  assertEquals(args.at(-1), policy.entry);
});

Deno.test("readablePaths() names neither the data folder nor the project's root", () => {
  const paths = readablePaths(policy);
  for (const hidden of ["/data", "/data/jobs", "/srv/onthefly", "/srv/onthefly/.onthefly"]) {
    assert(!paths.includes(hidden), hidden);
  }
});

Deno.test("denoArguments() refuses a path with a comma, which would grant two others", () => {
  assertThrows(() => denoArguments({ ...policy, jobDir: "/data/a,/etc" }), Error, "comma");
});
