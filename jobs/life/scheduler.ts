/** Somebody who waits for a slot. `start` is called once, in a turn of its own. */
export interface SlotTicket {
  job: string;
  owner: string;
  /** Among those of one owner the higher goes first; 0 when absent. */
  priority?: number;
  start: () => void;
}

/**
 * A number of slots and who waits for one. A job holds at most one and waits for at most one. Next
 * comes the owner who holds fewest; among equals the higher priority, then who came first.
 */
export class SlotQueue {
  readonly size: number;
  #open = true;
  readonly #holders = new Map<string, string>();
  #waiting: SlotTicket[] = [];

  constructor(size: number) {
    this.size = size;
  }

  /** Slots in use; past `size` when hot workers resumed. */
  get used(): number {
    return this.#holders.size;
  }

  /** How many wait. */
  get waiting(): number {
    return this.#waiting.length;
  }

  holds(job: string): boolean {
    return this.#holders.has(job);
  }

  /** Waits for a slot. A job that waits already keeps its place. */
  enqueue(ticket: SlotTicket): void {
    if (this.#waiting.some(({ job }) => job === ticket.job)) return;
    this.#waiting.push(ticket);
    this.#grant();
  }

  /** From now on a job that waits has this priority. It keeps its place among its equals. */
  prioritize(job: string, priority: number): void {
    this.#waiting = this.#waiting.map((ticket) =>
      ticket.job === job ? { ...ticket, priority } : ticket
    );
  }

  /** Waits no longer. */
  cancel(job: string): void {
    this.#waiting = this.#waiting.filter((ticket) => ticket.job !== job);
  }

  /** Takes a slot at once, past `size` if need be: a hot worker never queues. */
  take(job: string, owner: string): void {
    this.#holders.set(job, owner);
  }

  /** Gives a slot back. A job that holds none may say so too. */
  release(job: string): void {
    if (this.#holders.delete(job)) this.#grant();
  }

  /** Grants no more. */
  close(): void {
    this.#open = false;
    this.#waiting = [];
  }

  #grant(): void {
    while (this.#open && this.#holders.size < this.size) {
      const next = this.#next();
      if (next === null) return;
      this.cancel(next.job);
      this.#holders.set(next.job, next.owner);
      queueMicrotask(next.start);
    }
  }

  #next(): SlotTicket | null {
    const held = Map.groupBy(this.#holders.values(), (owner) => owner);
    const heldBy = (owner: string) => held.get(owner)?.length ?? 0;
    const comesBefore = (a: SlotTicket, b: SlotTicket) => {
      const fewer = heldBy(a.owner) - heldBy(b.owner);
      return fewer < 0 || fewer === 0 && (a.priority ?? 0) > (b.priority ?? 0);
    };
    let best: SlotTicket | null = null;
    for (const ticket of this.#waiting) {
      if (this.#holders.has(ticket.job)) continue;
      if (best === null || comesBefore(ticket, best)) best = ticket;
    }
    return best;
  }
}

/**
 * Who may run a worker. Training has its slots; workers that serve a command or merge have slots of
 * their own, so that they can never wait for the training that waits for them.
 */
export class Scheduler {
  readonly training: SlotQueue;
  readonly helper: SlotQueue;

  constructor(slots: { training: number; helper: number }) {
    this.training = new SlotQueue(slots.training);
    this.helper = new SlotQueue(slots.helper);
  }

  close(): void {
    this.training.close();
    this.helper.close();
  }
}
