/** Terminal colours, off where `NO_COLOR` is set or the output is no terminal. */
export interface Style {
  bold(text: string): string;
  dim(text: string): string;
  green(text: string): string;
  yellow(text: string): string;
  red(text: string): string;
  cyan(text: string): string;
}

/** Colours when `enabled`, plain text otherwise. */
export function createStyle(enabled: boolean): Style {
  const wrap = (on: number, off: number) => (text: string) =>
    enabled && text !== "" ? `\x1b[${on}m${text}\x1b[${off}m` : text;
  return {
    bold: wrap(1, 22),
    dim: wrap(2, 22),
    green: wrap(32, 39),
    yellow: wrap(33, 39),
    red: wrap(31, 39),
    cyan: wrap(36, 39),
  };
}
