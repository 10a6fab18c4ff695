import { NfsError } from '../nfs-error.ts';

export interface Slot {
  readonly id: number;
  /** Of the last request the server took on this slot. */
  sequence: number;
}

/** The slots of a session: each carries one request at a time, under a sequence number that only the server's taking it moves on. */
export class SlotTable {
  readonly #free: Slot[];
  readonly #busy = new Set<number>();
  readonly #waiting: { readonly give: (slot: Slot) => void; readonly refuse: (error: unknown) => void }[] = [];
  #target: number;
  #lost = 0;
  #closed: NfsError | undefined;

  constructor(count: number) {
    this.#free = Array.from({ length: count }, (_, id) => ({ id, sequence: 0 }));
    this.#target = count - 1;
  }

  /** The highest slot with a request under way, which each request tells the server. */
  get highestBusy(): number {
    return Math.max(0, ...this.#busy);
  }

  /** More than half of the slots are in a state nobody knows: better begin a new session. */
  get isWorn(): boolean {
    return this.#lost * 2 > this.#free.length + this.#busy.size;
  }

  /** The lowest free slot, or the next that becomes free. @throws NfsError DEADSESSION – the session ended meanwhile. */
  acquire(signal: AbortSignal): Promise<Slot> {
    if (this.#closed) return Promise.reject(this.#closed);
    const slot = this.#takeFree();
    if (slot) return Promise.resolve(slot);
    return new Promise((resolve, reject) => {
      if (signal.aborted) return reject(signal.reason);
      const onAbort = () => {
        this.#waiting.splice(this.#waiting.indexOf(entry), 1);
        reject(signal.reason);
      };
      const forget = () => signal.removeEventListener('abort', onAbort);
      const entry = {
        give: (given: Slot) => {
          forget();
          resolve(given);
        },
        refuse: (error: unknown) => {
          forget();
          reject(error);
        },
      };
      signal.addEventListener('abort', onAbort, { once: true });
      this.#waiting.push(entry);
    });
  }

  /** Gives a slot back: `taken` where the server took the request, `refused` where it did not, `lost` where nobody knows. */
  release(slot: Slot, fate: 'taken' | 'refused' | 'lost'): void {
    this.#busy.delete(slot.id);
    if (fate === 'lost') {
      this.#lost += 1;
      return;
    }
    if (fate === 'taken') slot.sequence = (slot.sequence + 1) >>> 0;
    const at = this.#free.findIndex(({ id }) => id > slot.id);
    this.#free.splice(at < 0 ? this.#free.length : at, 0, slot);
    this.#serve();
  }

  /** The server wants the slots above `highest` unused; one always remains. */
  setTarget(highest: number): void {
    this.#target = highest;
    this.#serve();
  }

  close(): void {
    this.#closed = new NfsError('DEADSESSION', 'the session has ended');
    for (const { refuse } of this.#waiting.splice(0)) refuse(this.#closed);
  }

  #serve(): void {
    while (this.#waiting.length > 0) {
      const slot = this.#takeFree();
      if (!slot) return;
      this.#waiting.shift()?.give(slot);
    }
  }

  #takeFree(): Slot | undefined {
    const first = this.#free[0];
    if (!first || (first.id > this.#target && this.#busy.size > 0)) return undefined;
    this.#free.shift();
    this.#busy.add(first.id);
    return first;
  }
}
