import type { StoreEvent } from './store.ts';

export interface WindowLimits {
  readonly events: number;
  readonly bytes: number;
}

/** The newest events in revision order, bounded in number and in bytes of values. */
export class EventWindow {
  readonly #limits: WindowLimits;
  #events: StoreEvent[] = [];
  #head = 0;
  #bytes = 0;
  #start: number;

  constructor(limits: WindowLimits, start = 0) {
    this.#limits = limits;
    this.#start = start;
  }

  /** Every event after this revision is here. */
  get start(): number {
    return this.#start;
  }

  push(event: StoreEvent): void {
    this.#events.push(event);
    this.#bytes += weight(event);
    while (this.#events.length - this.#head > this.#limits.events || this.#bytes > this.#limits.bytes) this.#shift();
    if (this.#head > 1024 && this.#head * 2 > this.#events.length) {
      this.#events = this.#events.slice(this.#head);
      this.#head = 0;
    }
  }

  /** Drops events up to and including `revision`. */
  forget(revision: number): void {
    while (this.#head < this.#events.length && this.#at(this.#head).item.modRevision <= revision) this.#shift();
    this.#start = Math.max(this.#start, revision);
  }

  *after(revision: number): Generator<StoreEvent> {
    for (let i = this.#firstAfter(revision); i < this.#events.length; i++) yield this.#at(i);
  }

  #firstAfter(revision: number): number {
    let low = this.#head;
    let high = this.#events.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.#at(middle).item.modRevision <= revision) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  #at(index: number): StoreEvent {
    return this.#events[index] as StoreEvent;
  }

  #shift(): void {
    const event = this.#at(this.#head);
    this.#events[this.#head++] = undefined as unknown as StoreEvent;
    this.#bytes -= weight(event);
    this.#start = Math.max(this.#start, event.item.modRevision);
  }
}

/**
 * Of both values it keeps the longer: what was small before, or is now, may have been or become large. The put before counted
 * one of them already; it is counted again, to stay simple.
 */
function weight({ item, previous }: StoreEvent): number {
  return Math.max(item.value.byteLength, previous?.value.byteLength ?? 0) + 256;
}
