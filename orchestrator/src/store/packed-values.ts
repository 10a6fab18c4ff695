import type { KeyValue } from './store.ts';

/** Of one block: its unused end is nothing beside it, and it is given back as one. */
const blockBytes = 256 * 1024;
/** What is longer stays alone: it would leave too much of a block unused. */
const packedUpTo = 16 * 1024;
/** Items of one step, which takes a millisecond. */
const atOnce = 500;

interface Block {
  readonly bytes: Uint8Array;
  used: number;
  /** Bytes of values that are still there. */
  live: number;
}

/**
 * Puts values side by side into large blocks. Each alone costs some hundred bytes more than it has, and small ones, left where there
 * was room in the middle of something, keep all the pages around them from being given back.
 */
export class PackedValues {
  readonly #items: ReadonlyMap<string, KeyValue>;
  readonly #blocks = new Map<ArrayBufferLike, Block>();
  readonly #loose = new Set<KeyValue>();
  #last: Block | undefined;

  /** `items` are those that are there, by key. */
  constructor(items: ReadonlyMap<string, KeyValue>) {
    this.#items = items;
  }

  /** An item came. */
  add(item: KeyValue): void {
    this.#loose.add(item);
  }

  /** An item went. Whoever has it still may read it. */
  remove(item: KeyValue): void {
    if (this.#loose.delete(item)) return;
    const block = this.#blocks.get(item.value.buffer);
    if (block) block.live -= item.value.byteLength;
  }

  /** Packs what came since the last time, and anew what is left of blocks that are half empty; one step each time it is asked. */
  *pack(): Generator<void> {
    this.#loosenSparse();
    let left = atOnce;
    for (const item of this.#loose) {
      this.#loose.delete(item);
      if (item.value.byteLength <= packedUpTo) this.#put(item);
      if (--left > 0) continue;
      left = atOnce;
      yield;
    }
  }

  #loosenSparse(): void {
    const sparse = new Set<ArrayBufferLike>();
    for (const [buffer, block] of this.#blocks) {
      if (block.live * 2 > block.used) continue;
      sparse.add(buffer);
      this.#blocks.delete(buffer);
      if (block === this.#last) this.#last = undefined;
    }
    if (sparse.size === 0) return;
    for (const item of this.#items.values()) if (sparse.has(item.value.buffer)) this.#loose.add(item);
  }

  /** The item stays the same, for it is known by its identity; only where its bytes are changes. */
  #put(item: { value: Uint8Array }): void {
    const { value } = item;
    const { byteLength } = value;
    let block = this.#last;
    if (!block || block.used + byteLength > blockBytes) {
      block = { bytes: new Uint8Array(blockBytes), used: 0, live: 0 };
      this.#last = block;
      this.#blocks.set(block.bytes.buffer, block);
    }
    item.value = block.bytes.subarray(block.used, block.used + byteLength);
    item.value.set(value);
    block.used += byteLength;
    block.live += byteLength;
  }
}
