/** Cancels what it was given for. */
export type Cancel = () => void;

/** Runs things later, so that tests need not wait. */
export interface Timers {
  after(ms: number, run: () => void): Cancel;
}

/** The platform's timers. */
export const platformTimers: Timers = {
  after(ms, run) {
    const timer = setTimeout(run, ms);
    return () => clearTimeout(timer);
  },
};
