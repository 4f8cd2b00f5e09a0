/** What documents say of the code, held against the code. */
import { assertEquals } from "@std/assert";
import { TRANSITIONS } from "../../jobs/job.ts";
import { OPERATIONS } from "../../routes/operations.ts";
import { PROBLEMS } from "../../routes/problem.ts";
import { COMMAND_PAYLOADS, LaunchContext } from "../../runtime/protocol/commands.ts";
import { type ServerEvents, TRAINER_EVENT_TYPES } from "../../runtime/protocol/events.ts";
import { DEFAULT_JOB_CONFIG, JobConfig, toWireConfig } from "../../runtime/protocol/job_config.ts";
import { toSnakeCase } from "../../runtime/protocol/naming.ts";
import { readDocument } from "../fixtures/markdown.ts";

const api = await readDocument("docs/api.md");
const protocol = await readDocument("docs/protocol.md");
const architecture = await readDocument("docs/architecture.md");

/** Does not compile while one is missing. */
const SERVER_EVENTS: Record<keyof ServerEvents, true> = {
  newRun: true,
  state_changed: true,
  attempt_started: true,
  config_changed: true,
  priority_changed: true,
  counters_set: true,
  improve_stage: true,
  recovered: true,
  replay_diverged: true,
  runtime_changed: true,
  finalizeRun: true,
};

/** Cells of the table with this head, whatever its columns were padded to. */
function tableRows(markdown: string, head: string): string[][] {
  const tight = markdown.replace(/ +\|/g, " |").replace(/\| +/g, "| ");
  const body = tight.split(`\n${head}\n`)[1]!.split("\n\n")[0]!.split("\n").slice(1);
  return body.map((row) => row.slice(2, -2).split(" | "));
}

/** The names in code style in the first column of a section's tables. */
function firstColumn(markdown: string, heading: string): string[] {
  const section = markdown.split(`\n## ${heading}\n`)[1]!.split("\n## ")[0]!;
  const rows = section.split("\n").filter((line) => line.startsWith("| `"));
  return rows.flatMap((row) =>
    [...row.split(" | ")[0]!.matchAll(/`([^`]+)`/g)].map((name) => name[1]!)
  );
}

const sorted = (names: Iterable<string>) => [...names].sort();

Deno.test("docs/api.md has every call of the API under a heading of its own, and no other", () => {
  const headings = [...api.matchAll(/^### `([A-Z]+ \S+)`$/gm)].map(([, call]) => call!);
  const calls = OPERATIONS.map(({ method, path }) =>
    `${method.toUpperCase()} ${path.replace(/:(\w+)/g, "{$1}")}`
  );
  assertEquals(sorted(headings), sorted(calls));
});

Deno.test("docs/api.md has every problem with its status", () => {
  const rows = [...api.matchAll(/^\| `\/problems\/(\S+)` +\| (\d+) +\|/gm)];
  const documented = Object.fromEntries(rows.map(([, slug, status]) => [slug, Number(status)]));
  const problems = Object.entries(PROBLEMS).map(([slug, { status }]) => [slug, status]);
  assertEquals(documented, Object.fromEntries(problems));
});

Deno.test("docs/api.md has every config key with its default and meaning", () => {
  const rows = tableRows(api, "| key | default | meaning |");
  const defaults = toWireConfig(DEFAULT_JOB_CONFIG);
  const keys = Object.entries(JobConfig.shape).map(([key, { description }]) => {
    const name = toSnakeCase(key);
    return [`\`${name}\``, JSON.stringify(defaults[name]), description];
  });
  assertEquals(rows, keys);
});

Deno.test("docs/architecture.md draws the transitions that the table allows", () => {
  const drawn = [...architecture.matchAll(/^ {2}(\w+) --> (\w+)$/gm)];
  const allowed = Object.entries(TRANSITIONS).flatMap(([from, to]) =>
    to.map((state) => `${from} ${state}`)
  );
  assertEquals(sorted(drawn.map(([, from, to]) => `${from} ${to}`)), sorted(allowed));
});

Deno.test("docs/protocol.md has every command", () => {
  assertEquals(sorted(firstColumn(protocol, "Commands")), sorted(Object.keys(COMMAND_PAYLOADS)));
});

Deno.test("docs/protocol.md has every event", () => {
  const events = [...Object.keys(TRAINER_EVENT_TYPES), ...Object.keys(SERVER_EVENTS)];
  assertEquals(sorted(firstColumn(protocol, "Events")), sorted(events));
});

Deno.test("docs/protocol.md has every field of the launch context", () => {
  const fields = Object.keys(LaunchContext.shape);
  assertEquals(sorted(firstColumn(protocol, "Launch context")), sorted(fields));
});
