import { writevSync } from 'node:fs';
import { isErrno, openFuseChannel } from '@berth/linux';

/** Where requests come from and replies go to. */
export interface FuseDevice extends Disposable {
  /** One request, the caller's to keep; or why there is none. */
  receive(): Buffer | 'empty' | 'gone';
  /** Resolves when `receive` may have one. */
  wait(): Promise<void>;
  /** False: nobody waits for it any more. */
  send(parts: readonly Uint8Array[]): boolean;
}

/** The kernel's device; `fd` is for mount(2). Reads never block: one thread waits for all. */
export class KernelDevice implements FuseDevice {
  readonly #channel = openFuseChannel();
  readonly #bufferBytes: number;
  #buffer: Buffer;

  constructor(bufferBytes: number) {
    this.#bufferBytes = bufferBytes;
    this.#buffer = Buffer.allocUnsafeSlow(bufferBytes);
  }

  get fd(): number {
    return this.#channel.fd;
  }

  receive(): Buffer | 'empty' | 'gone' {
    const length = this.#channel.read(this.#buffer);
    if (typeof length === 'string') return length;
    const request = this.#buffer.subarray(0, length);
    // What is written may be held for a while: a buffer for the largest request would be too, for each.
    if (length < this.#bufferBytes / 2) return Buffer.from(request);
    // Given away whole: the next one gets a new buffer.
    this.#buffer = Buffer.allocUnsafeSlow(this.#bufferBytes);
    return request;
  }

  async wait(): Promise<void> {
    await this.#channel.wait();
  }

  send(parts: readonly Uint8Array[]): boolean {
    try {
      writevSync(this.#channel.fd, parts as Uint8Array[]);
      return true;
    } catch (error) {
      // Interrupted and forgotten, unmounted, or about a node the kernel has dropped meanwhile.
      if (isErrno(error, 'ENOENT', 'ENODEV', 'ENOTCONN', 'ECONNABORTED', 'EPERM')) return false;
      throw error;
    }
  }

  [Symbol.dispose](): void {
    this.#channel[Symbol.dispose]();
  }
}
