/** `deno task doctor`: one screen that says what this machine can train on, and what it lacks. */
import { fromFileUrl } from "@std/path";
import { readServerConfig } from "../jobs/server_config.ts";
import { type BackendReport, reportBackends } from "../jobs/workers/backend_report.ts";
import { findNativeBackend } from "../jobs/workers/native_backend.ts";
import { readGpus } from "../jobs/workers/nvidia_smi.ts";
import { probeIsolation } from "../jobs/workers/sandbox.ts";
import { userTensorFlowDir } from "../jobs/workers/tensorflow_library.ts";
import { resultTable } from "./result_table.ts";

/** The line about memory and cores. */
function machine(): string {
  const { total, available } = Deno.systemMemoryInfo();
  const gib = (bytes: number) => `${(bytes / 2 ** 30).toFixed(1)} GiB`;
  return `${navigator.hardwareConcurrency} cores, ${gib(total)} memory, ${gib(available)} free`;
}

/** What `nvidia-smi` says of the GPUs, a line each. */
async function gpus(): Promise<string[]> {
  const gib = (bytes: number) => `${(bytes / 2 ** 30).toFixed(1)} GiB`;
  const lines = (await readGpus()).map(({ index, name, totalBytes, freeBytes, busy }) =>
    `${index}: ${name}, ${gib(totalBytes)} memory, ${gib(freeBytes)} free` +
    (busy === null ? "" : `, ${Math.round(busy * 100)}% busy`)
  );
  return lines.length > 0 ? lines : ["none found (nvidia-smi lists none)"];
}

function row(report: BackendReport): string[] {
  const step = (ms: number | null) => ms === null ? "—" : ms.toFixed(2);
  const { name, available, reason, mlp_step_ms, cnn_step_ms, start_ms } = report;
  const state = available ? "yes" : "no";
  return [name, state, step(start_ms), step(mlp_step_ms), step(cnn_step_ms), reason];
}

if (import.meta.main) {
  const { sandbox, tensorflowDir } = readServerConfig(Deno.env.toObject(), []);
  const folder = tensorflowDir ?? userTensorFlowDir((name) => Deno.env.get(name));
  const isolation = await probeIsolation(sandbox, Deno.execPath());
  const native = await findNativeBackend(folder, sandbox, isolation);
  const project = fromFileUrl(new URL("..", import.meta.url));
  console.log(`Deno     ${Deno.version.deno}, project in ${project}`);
  console.log(`Machine  ${machine()}`);
  for (const line of await gpus()) console.log(`GPU      ${line}`);
  console.log(`Sandbox  ${isolation.kind}: ${isolation.reason}`);
  if (isolation.kind === "deno" && sandbox !== "deno") {
    console.log("         bubblewrap isolates workers better: apt-get install bubblewrap");
  }
  console.log("\nMeasuring each backend: start and self-test, then a training step in ms …\n");
  const head = ["backend", "here", "start", "MLP", "CNN", "why"];
  for (const line of resultTable([head, ...(await reportBackends(native)).map(row)])) {
    console.log(line);
  }
}
