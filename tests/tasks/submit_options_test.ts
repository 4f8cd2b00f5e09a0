import { assertEquals, assertThrows } from "@std/assert";
import { readSubmitOptions, UsageError } from "../../tasks/submit_options.ts";

Deno.test("readSubmitOptions() reads settings as JSON, and names of datasets", () => {
  const options = readSubmitOptions([
    "job.ts",
    ...[
      "max_epochs=3",
      "lr=1e-3",
      "test_after=true",
      "grad_clip_norm=null",
      "on_non_finite=raise",
      'hparams={"beta": 2}',
    ]
      .flatMap((setting) => ["--set", setting]),
    "--file",
    "a.csv",
    "--file",
    "b.ts",
    "--dataset",
    "digits",
  ], {});
  if (options === "help") throw new Error("unreachable");
  assertEquals(options.config, {
    max_epochs: 3,
    lr: 0.001,
    test_after: true,
    grad_clip_norm: null,
    on_non_finite: "raise",
    hparams: { beta: 2 },
  });
  assertEquals(options.datasets, ["digits"]);
  assertEquals(options.files, ["a.csv", "b.ts"]);
  assertEquals([options.target, options.follow], ["job.ts", false]);
});

Deno.test("readSubmitOptions() finds the server: flag, then port in the environment, then 8000", () => {
  const server = (args: string[], environment = {}) => {
    const options = readSubmitOptions(["job.ts", ...args], environment);
    return options === "help" ? "" : options.server;
  };
  assertEquals(server([]), "http://127.0.0.1:8000");
  assertEquals(server([], { ONTHEFLY_PORT: "9000" }), "http://127.0.0.1:9000");
  assertEquals(server(["--server", "http://host:1/"], { ONTHEFLY_PORT: "9" }), "http://host:1");
});

Deno.test("readSubmitOptions() says what is wrong", () => {
  for (
    const [args, message] of [
      [[], "which module?"],
      [["a.ts", "b.csv"], "Files go with --file"],
      [["a.ts", "--nope"], "--nope"],
      [["a.ts", "--set", "lr"], "expected key=value"],
      [["a.ts", "--set", "schedule={name}"], "the value is no JSON"],
      [["a.ts", "--server", "nowhere"], "expected an address"],
    ] as [string[], string][]
  ) assertThrows(() => readSubmitOptions(args, {}), UsageError, message);
});

Deno.test("readSubmitOptions() asks for help alone", () => {
  assertEquals(readSubmitOptions(["--help"], {}), "help");
});
