import { Buffer } from 'node:buffer';

/** Smaller ones cost little, and are copied into from a buffer that is there anyway. */
const leastBytes = 64 * 1024;
/** As many as are under way of one stream, and a few. */
const mostFree = 8;
const pageBytes = 4096;

/**
 * Memory of large replies. What is given back is used again: new memory for each costs the kernel its pages and the
 * collector its sweeps, half of what receiving costs.
 */
export class LentBuffers {
  readonly #free: Buffer[] = [];
  readonly #lent = new WeakSet<ArrayBufferLike>();

  /** Room for so many bytes, of whatever content. */
  take(length: number): Buffer {
    if (length < leastBytes) return length < pageBytes ? Buffer.allocUnsafe(length) : Buffer.allocUnsafeSlow(length);
    const index = this.#free.findIndex((one) => one.length >= length && one.length <= 2 * length);
    const [found] = index < 0 ? [] : this.#free.splice(index, 1);
    const whole = found ?? Buffer.allocUnsafeSlow(Math.ceil(length / pageBytes) * pageBytes);
    this.#lent.add(whole.buffer);
    return whole.subarray(0, length);
  }

  /** Nobody looks at it any more. What was not lent here, or was given back already, is left alone. */
  giveBack({ buffer }: Uint8Array): void {
    if (!this.#lent.delete(buffer) || this.#free.length >= mostFree) return;
    this.#free.push(Buffer.from(buffer));
  }
}
