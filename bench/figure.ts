/** One row of the table: what was measured, and what was aimed at. */
export interface Figure {
  name: string;
  measured: string;
  target: string;
  /** Whether the target was met. */
  met: boolean;
}

/** A subject of the bench: measures some figures; says on `note` what it is at. */
export type Subject = (note: (text: string) => void) => Promise<Figure[]>;
