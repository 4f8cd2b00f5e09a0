import { assert, assertEquals } from "@std/assert";
import { tableFromIPC } from "apache-arrow";
import { parquetReadObjects } from "hyparquet";
import { createHash } from "node:crypto";
import { ServerProcess } from "../fixtures/server_process.ts";
import { runs } from "../fixtures/shell.ts";

const SPIRALS = await Deno.readTextFile(new URL("../fixtures/spirals.ts", import.meta.url));
const FORMATS = ["parquet", "arrow", "csv", "jsonl"] as const;
type Format = (typeof FORMATS)[number];
type Row = Record<string, number | null>;

const hasPandas = await runs("python3", "-c", "import pandas, pyarrow");

/** Opens each file with pandas, and prints its rows as JSON. */
const READ_WITH_PANDAS = `
import json, sys, pandas
path, format = sys.argv[1:3]
read = {"parquet": pandas.read_parquet, "arrow": pandas.read_feather, "csv": pandas.read_csv,
        "jsonl": lambda name: pandas.read_json(name, lines=True)}[format]
print(read(path).to_json(orient="records", double_precision=15))
`;

async function readRows(format: Format, bytes: Uint8Array<ArrayBuffer>): Promise<Row[]> {
  const text = () => new TextDecoder().decode(bytes).trim().split("\n");
  switch (format) {
    case "parquet":
      return await parquetReadObjects({ file: bytes.buffer }) as Row[];
    case "arrow":
      return tableFromIPC(bytes).toArray().map((row) => row.toJSON() as Row);
    case "jsonl":
      return text().map((line) => JSON.parse(line) as Row);
    case "csv": {
      const [head, ...lines] = text();
      const names = head!.split(",");
      return lines.map((line) => {
        const cells = line.split(",");
        return Object.fromEntries(names.map((name, at) => [name, Number(cells[at])]));
      });
    }
  }
}

async function readWithPandas(format: Format, bytes: Uint8Array): Promise<Row[]> {
  const path = await Deno.makeTempFile({ suffix: `.${format}` });
  try {
    await Deno.writeFile(path, bytes);
    const args = ["-c", READ_WITH_PANDAS, path, format];
    const { success, stdout, stderr } = await new Deno.Command("python3", { args }).output();
    assert(success, new TextDecoder().decode(stderr));
    return JSON.parse(new TextDecoder().decode(stdout)) as Row[];
  } finally {
    await Deno.remove(path);
  }
}

Deno.test("exports of a selection hold the same samples in every format", async (t) => {
  await using server = await ServerProcess.start();
  const job = await server.submit(SPIRALS, { max_steps: 20 });
  await server.state(job, "completed");
  const selection = { kind: "hardest", n: 30 };
  const { body: page } = await (async () => {
    await server.call("POST", `/jobs/${job}/report`, {});
    return await server.call("GET", `/jobs/${job}/reports/1/rows?sort=-loss&limit=30`);
  })();
  const hardest = (page["items"] as { index: number; loss: number }[])
    .toSorted((a, b) => a.index - b.index);
  const files = new Map<Format, Uint8Array<ArrayBuffer>>();
  for (const format of FORMATS) {
    await t.step(`${format}: the manifest tells what the file is of`, async () => {
      const request = { selection, format, features: true };
      const { status, body } = await server.call("POST", `/jobs/${job}/export`, request);
      assertEquals(status, 200, JSON.stringify(body));
      const { body: manifest } = await server.call("GET", `/jobs/${job}/exports/${body["export"]}`);
      const job_ = (await server.call("GET", `/jobs/${job}`)).body;
      const { hash } = job_["dataset"] as { hash: string };
      assertEquals([manifest["rows"], manifest["dataset_hash"], manifest["format"]], [
        30,
        hash,
        format,
      ]);
      const links = manifest["links"] as { content: string };
      const response = await fetch(server.url + links.content);
      const bytes = new Uint8Array(await response.arrayBuffer());
      assertEquals(createHash("sha256").update(bytes).digest("hex"), manifest["sha256"]);
      const rule = await server.call("GET", `/jobs/${job}/selections/${manifest["selection"]}`);
      assertEquals(rule.body["selection"], selection);
      files.set(format, bytes);
      const rows = await readRows(format, bytes);
      assertEquals(rows.map(({ index }) => index), hardest.map(({ index }) => index));
      rows.forEach(({ loss }, at) => assertEquals(Math.fround(loss!), hardest[at]!.loss));
      assertEquals(Object.keys(rows[0]!), manifest["columns"]);
      assert(["label", "feature_0", "feature_1"].every((name) => name in rows[0]!));
    });
  }

  await t.step({
    name: hasPandas
      ? "pandas opens each of them"
      : "pandas opens each of them (SKIPPED: python3 lacks pandas or pyarrow)",
    ignore: !hasPandas,
    fn: async () => {
      for (const [format, bytes] of files) {
        const rows = await readWithPandas(format, bytes);
        assertEquals(rows.map(({ index }) => index), hardest.map(({ index }) => index), format);
        rows.forEach(({ loss }, at) =>
          assert(Math.abs(loss! - hardest[at]!.loss) < 1e-6, `${format}: row ${at}`)
        );
      }
    },
  });

  await t.step("an export of nothing, and in no format, is refused", async () => {
    const nothing = { selection: { kind: "region", from: 1e9 } };
    const empty = await server.call("POST", `/jobs/${job}/export`, nothing);
    assertEquals([empty.status, empty.body["field"]], [422, "selection"]);
    const strange = await server.call("POST", `/jobs/${job}/export`, { format: "xlsx" });
    assertEquals([strange.status, strange.body["field"]], [422, "format"]);
    const { body } = await server.call("GET", `/jobs/${job}/exports`);
    assertEquals((body["items"] as unknown[]).length, FORMATS.length);
  });
});
