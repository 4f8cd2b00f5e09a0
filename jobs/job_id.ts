/** Draws random hex digits: 16 of them, from a source that cannot be guessed. */
export type RandomId = () => string;

/** {@linkcode RandomId} from the platform's cryptographic source. */
export function randomId(): string {
  return crypto.getRandomValues(new Uint8Array(8)).toHex();
}

/** `job-3f9a1c2b7d60`. */
export function newJobId(random: RandomId): string {
  return `job-${random().slice(0, 12)}`;
}

/** `sess-3f9a1c2b7d60`. */
export function newSessionId(random: RandomId): string {
  return `sess-${random().slice(0, 12)}`;
}

/** `cmd-3f9a1c2b7d60`. */
export function newCommandId(random: RandomId): string {
  return `cmd-${random().slice(0, 12)}`;
}

/** `plan-3f9a1c2b7d60`. */
export function newPlanId(random: RandomId): string {
  return `plan-${random().slice(0, 12)}`;
}

/** What begins each protocol line of an attempt: 128 bits, so that no module can guess it. */
export function newToken(random: RandomId): string {
  return `#${random()}${random()}`;
}
