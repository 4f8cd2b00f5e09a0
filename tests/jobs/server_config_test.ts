import { assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import { readServerConfig, ServerConfigError, serverConfigHelp } from "../../jobs/server_config.ts";

Deno.test("readServerConfig() gives the documented defaults", () => {
  assertEquals(readServerConfig(), {
    host: "127.0.0.1",
    port: 8000,
    dataDir: ".onthefly",
    kv: null,
    token: null,
    slots: null,
    parkAfter: 900_000,
    backend: "auto",
    tensorflowDir: null,
    gpuShare: 1,
    sandbox: "auto",
    dashboardPort: 47_621,
    maxUpload: 256 * 2 ** 20,
    datasets: null,
    datasetQuota: 20 * 2 ** 30,
    imports: null,
    allowRead: null,
    allowNet: null,
    jobMemory: 2 * 2 ** 30,
    jobTimeout: null,
  });
});

Deno.test("readServerConfig() takes flags over the environment", () => {
  const environment = {
    HOME: "/x",
    ONTHEFLY_PORT: "9000",
    ONTHEFLY_JOB_TIMEOUT: "1.5h",
    ONTHEFLY_MAX_UPLOAD: "1GiB",
  };
  const config = readServerConfig(environment, ["--port", "0", "--data-dir=/tmp/x=y"]);
  assertEquals([config.port, config.dataDir], [0, "/tmp/x=y"]);
  assertEquals([config.jobTimeout, config.maxUpload], [5_400_000, 2 ** 30]);
});

Deno.test("readServerConfig() refuses what it does not know or cannot read, by its name", () => {
  const cases: [Record<string, string>, string[], string][] = [
    [{ ONTHEFLY_PROT: "1" }, [], "ONTHEFLY_PROT"],
    [{ ONTHEFLY_DASHBOARD_PORT: "on" }, [], "ONTHEFLY_DASHBOARD_PORT"],
    [{ ONTHEFLY_DASHBOARD_PORT: "70000" }, [], "ONTHEFLY_DASHBOARD_PORT"],
    [{ ONTHEFLY_PORT: "70000" }, [], "ONTHEFLY_PORT"],
    [{ ONTHEFLY_PORT: "" }, [], "ONTHEFLY_PORT"],
    [{ ONTHEFLY_SLOTS: "0" }, [], "ONTHEFLY_SLOTS"],
    [{ ONTHEFLY_SLOTS: "1.5" }, [], "ONTHEFLY_SLOTS"],
    [{ ONTHEFLY_MAX_UPLOAD: "256" }, [], "ONTHEFLY_MAX_UPLOAD"],
    [{ ONTHEFLY_DATASETS: "pets" }, [], "ONTHEFLY_DATASETS"],
    [{ ONTHEFLY_DATASETS: "pets=folder" }, [], "ONTHEFLY_DATASETS"],
    [{ ONTHEFLY_DATASETS: "../x=/pets" }, [], "ONTHEFLY_DATASETS"],
    [{ ONTHEFLY_DATASETS: "pets=/a,pets=/b" }, [], "ONTHEFLY_DATASETS"],
    [{ ONTHEFLY_ALLOW_READ: "pets" }, [], "ONTHEFLY_ALLOW_READ"],
    [{ ONTHEFLY_ALLOW_NET: "http://x" }, [], "ONTHEFLY_ALLOW_NET"],
    [{ ONTHEFLY_MAX_UPLOAD: "-1MiB" }, [], "ONTHEFLY_MAX_UPLOAD"],
    [{ ONTHEFLY_PARK_AFTER: "soon" }, [], "ONTHEFLY_PARK_AFTER"],
    [{ ONTHEFLY_PARK_AFTER: "1constructor" }, [], "ONTHEFLY_PARK_AFTER"],
    [{ ONTHEFLY_BACKEND: "cuda" }, [], "ONTHEFLY_BACKEND"],
    [{ ONTHEFLY_SANDBOX: "none" }, [], "ONTHEFLY_SANDBOX"],
    [{ ONTHEFLY_TOKEN: "short" }, [], "ONTHEFLY_TOKEN"],
    [{ ONTHEFLY_HOST: "0.0.0.0" }, [], "ONTHEFLY_HOST"],
    [{}, ["--prot", "1"], "--prot"],
    [{}, ["--port"], "--port"],
    [{}, ["--port", "x"], "--port"],
    [{}, ["serve"], "serve"],
  ];
  for (const [environment, flags, name] of cases) {
    const error: ServerConfigError = assertThrows(
      () => readServerConfig(environment, flags),
      ServerConfigError,
    );
    assertEquals(error.setting, name);
    assertStringIncludes(error.message, name);
  }
});

Deno.test("readServerConfig() does not tell a bad token", () => {
  const error: Error = assertThrows(() => readServerConfig({ ONTHEFLY_TOKEN: "s3cret" }));
  assertEquals(error.message.includes("s3cret"), false);
});

Deno.test("readServerConfig() listens beyond loopback only with a token", () => {
  const token = "a-long-token";
  const { host } = readServerConfig({ ONTHEFLY_HOST: "0.0.0.0", ONTHEFLY_TOKEN: token });
  assertEquals(host, "0.0.0.0");
  for (const host of ["localhost", "127.0.0.2", "::1"]) {
    assertEquals(readServerConfig({ ONTHEFLY_HOST: host }).host, host);
  }
});

Deno.test("serverConfigHelp() has a line for each setting", () => {
  const help = serverConfigHelp();
  for (const name of ["ONTHEFLY_DATA_DIR", "--data-dir", ".onthefly", "--job-timeout"]) {
    assertStringIncludes(help, name);
  }
});
