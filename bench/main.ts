/**
 * `deno task bench [SUBJECT]...`: measures the speed table in one run and prints it with the machine
 * it was measured on. Ratios hold elsewhere, absolutes do not.
 */
import { resultTable } from "../tasks/result_table.ts";
import { attached } from "./attached.ts";
import { checkpointStall } from "./checkpoint_stall.ts";
import { controlLatency } from "./control_latency.ts";
import { dataLoading } from "./data_loading.ts";
import { eventLog } from "./event_log.ts";
import type { Figure, Subject } from "./figure.ts";
import { firstStep } from "./first_step.ts";
import { merging } from "./merging.ts";
import { runnerOverhead } from "./runner_overhead.ts";
import { sampleScan } from "./sample_scan.ts";
import { serverMemory } from "./server_memory.ts";
import { sse } from "./sse.ts";
import { telemetry } from "./telemetry.ts";
import { tensorflowStep } from "./tensorflow_step.ts";

const SUBJECTS: Record<string, Subject> = {
  runner_overhead: runnerOverhead,
  control_latency: controlLatency,
  checkpoint_stall: checkpointStall,
  first_step: firstStep,
  attached,
  sse,
  data_loading: dataLoading,
  merging,
  event_log: eventLog,
  sample_scan: sampleScan,
  server_memory: serverMemory,
  telemetry,
  tensorflow_step: tensorflowStep,
};

/** `Intel Xeon, 2 cores, 23 GiB, Deno 2.9.6, linux x86_64`. */
async function machineLine(): Promise<string> {
  const gib = Deno.systemMemoryInfo().total / 2 ** 30;
  return [
    await cpuModel(),
    `${navigator.hardwareConcurrency} cores`,
    `${gib.toFixed(0)} GiB`,
    `Deno ${Deno.version.deno}`,
    `${Deno.build.os} ${Deno.build.arch}`,
    `load ${Deno.loadavg()[0]!.toFixed(1)}`,
  ].join(", ");
}

async function cpuModel(): Promise<string> {
  try {
    const text = await Deno.readTextFile("/proc/cpuinfo");
    return /^model name\s*:\s*(.+)$/m.exec(text)?.[1] ?? "unknown CPU";
  } catch {
    // Only Linux has it; elsewhere the name is left out of the line.
    return "unknown CPU";
  }
}

function chosen(names: readonly string[]): [string, Subject][] {
  const unknown = names.find((name) => !(name in SUBJECTS));
  if (unknown !== undefined) {
    console.error(`there is no subject ${unknown}; known: ${Object.keys(SUBJECTS).join(", ")}`);
    Deno.exit(2);
  }
  return Object.entries(SUBJECTS).filter(([name]) => names.length === 0 || names.includes(name));
}

if (import.meta.main) {
  const machine = await machineLine();
  const figures: Figure[] = [];
  for (const [name, subject] of chosen(Deno.args)) {
    figures.push(...await subject((text) => console.error(`${name}: ${text}`)));
  }
  const rows = figures.map(({ name, measured, target, met }) => [
    name,
    measured,
    target,
    met ? "met" : "MISSED",
  ]);
  console.log(machine);
  for (const line of resultTable([["figure", "measured", "target", ""], ...rows])) {
    console.log(line);
  }
}
