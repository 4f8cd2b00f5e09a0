import type { Dataset } from "./dataset.ts";
import { gunzip } from "./gunzip.ts";
import { HostDataset } from "./host_dataset.ts";

/** Options of {@linkcode csv}. */
export interface CsvOptions {
  /** Column of the target: its index, negative from the end, or its name in the header. */
  label: number | string;
  /** Number of classes: the target becomes a one-hot row. Without it the target is a number. */
  classes?: number;
  /** Whether the first line holds names. True where `label` is a name. */
  header?: boolean;
  /** What features are multiplied by. Default 1. */
  scale?: number;
  /** Names of the classes, by class index. */
  classNames?: readonly string[];
}

/**
 * A dataset of a comma-separated file of numbers (RFC 4180, UTF-8), gzip or plain: xs float32
 * [samples, columns - 1], ys float32 [samples, classes], or [samples, 1] without `classes`.
 *
 * @throws {TypeError} that names row (line of the file, from 1) and column (from 1) of what is no
 * number, no class, or not as wide as the first row.
 * @throws {RangeError} when there is no such label column.
 */
export async function csv(bytes: Uint8Array, options: CsvOptions): Promise<Dataset> {
  const text = new TextDecoder("utf-8", { fatal: true }).decode(await gunzip(bytes));
  const rows = text.includes('"') ? await quotedRows(text) : plainRows(text);
  const hasHeader = options.header ?? typeof options.label === "string";
  const names = hasHeader ? rows.shift()?.fields.map((field) => field.trim()) : undefined;
  const [first] = rows;
  if (first === undefined) throw new TypeError("the csv file has no rows");
  const width = names?.length ?? first.fields.length;
  const table: Table = { rows, width, names, label: labelColumn(options.label, width, names) };
  return new HostDataset(
    features(table, options.scale ?? 1),
    options.classes === undefined ? targets(table) : oneHotTargets(table, options.classes),
    options.classNames,
  );
}

interface Row {
  /** Of the file, from 1. */
  line: number;
  fields: string[];
}

interface Table {
  rows: Row[];
  width: number;
  names: string[] | undefined;
  /** Position of the target. */
  label: number;
}

function plainRows(text: string): Row[] {
  const rows: Row[] = [];
  text.split(/\r?\n/).forEach((line, at) => {
    if (line.trim() !== "") rows.push({ line: at + 1, fields: line.split(",") });
  });
  return rows;
}

/** Loaded only for files with quotes: a line's fields are then not its parts between commas. */
async function quotedRows(text: string): Promise<Row[]> {
  const { parse } = await import("@std/csv") as { parse(text: string): string[][] };
  return parse(text).map((fields, at) => ({ line: at + 1, fields }));
}

function labelColumn(label: number | string, width: number, names: string[] | undefined): number {
  if (typeof label === "string") {
    const position = names?.indexOf(label) ?? -1;
    if (position !== -1) return position;
    throw new RangeError(`there is no column "${label}"; there are ${names?.join(", ")}`);
  }
  const position = label < 0 ? width + label : label;
  if (Number.isInteger(position) && position >= 0 && position < width) return position;
  throw new RangeError(`label column ${label} is not within the ${width} columns`);
}

function features(table: Table, scale: number) {
  const width = table.width - 1;
  const values = new Float32Array(table.rows.length * width);
  let to = 0;
  for (const row of table.rows) {
    if (row.fields.length !== table.width) {
      throw new TypeError(
        `row ${row.line} has ${row.fields.length} columns, the first has ${table.width}`,
      );
    }
    for (let column = 0; column < table.width; column++) {
      if (column !== table.label) values[to++] = numberAt(table, row, column) * scale;
    }
  }
  return { values, shape: [table.rows.length, width], dtype: "float32" as const };
}

function targets(table: Table) {
  const values = Float32Array.from(table.rows, (row) => numberAt(table, row, table.label));
  return { values, shape: [values.length, 1], dtype: "float32" as const };
}

function oneHotTargets(table: Table, classes: number) {
  if (!Number.isInteger(classes) || classes < 2) {
    throw new RangeError(`classes must be an integer of at least 2, got ${classes}`);
  }
  const values = new Float32Array(table.rows.length * classes);
  table.rows.forEach((row, at) => {
    const label = numberAt(table, row, table.label);
    if (!Number.isInteger(label) || label < 0 || label >= classes) {
      throw new TypeError(
        `${placeOf(table, row, table.label)}: ${label} is not a class from 0 to ${classes - 1}`,
      );
    }
    values[at * classes + label] = 1;
  });
  return { values, shape: [table.rows.length, classes], dtype: "float32" as const };
}

function numberAt(table: Table, row: Row, column: number): number {
  const field = row.fields[column]!;
  const value = Number(field);
  if (Number.isFinite(value) && field.trim() !== "") return value;
  throw new TypeError(`${placeOf(table, row, column)}: "${field}" is not a number`);
}

function placeOf({ names }: Table, row: Row, column: number): string {
  const name = names?.[column];
  return `row ${row.line}, column ${column + 1}${name === undefined ? "" : ` (${name})`}`;
}
