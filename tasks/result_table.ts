/**
 * A table as text: columns as wide as their widest cell, the first left-aligned, numbers right.
 *
 * @param rows The first row is the head.
 */
export function resultTable(rows: readonly (readonly string[])[]): string[] {
  const head = rows[0] ?? [];
  const widths = head.map((_, column) => Math.max(...rows.map((row) => row[column]!.length)));
  const numeric = head.map((_, column) => rows.slice(1).every((row) => isFigure(row[column]!)));
  const line = (row: readonly string[]) =>
    row.map((cell, column) =>
      numeric[column] ? cell.padStart(widths[column]!) : cell.padEnd(widths[column]!)
    ).join("  ").trimEnd();
  const rule = widths.map((width) => "─".repeat(width)).join("  ");
  return [line(head), rule, ...rows.slice(1).map(line)];
}

function isFigure(cell: string): boolean {
  return /^[-+]?[\d.,]+\s*%?$|^—$/.test(cell);
}
