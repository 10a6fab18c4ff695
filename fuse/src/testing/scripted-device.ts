import type { FuseDevice } from '../server/fuse-device.ts';

/** The kernel's part, played by a test. */
export class ScriptedDevice implements FuseDevice {
  readonly replies: { readonly unique: bigint; readonly errno: number; readonly data: Buffer }[] = [];
  readonly #requests: Buffer[] = [];
  #gone = false;
  #wake: () => void = () => undefined;

  give(...requests: readonly Buffer[]): void {
    this.#requests.push(...requests);
    this.#wake();
  }

  unmount(): void {
    this.#gone = true;
    this.#wake();
  }

  replyTo(unique: number) {
    return this.replies.find((reply) => reply.unique === BigInt(unique));
  }

  receive(): Buffer | 'empty' | 'gone' {
    return this.#requests.shift() ?? (this.#gone ? 'gone' : 'empty');
  }

  wait(): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = resolve;
    });
  }

  send(parts: readonly Uint8Array[]): boolean {
    const bytes = Buffer.concat(parts);
    if (bytes.readUInt32LE(0) !== bytes.length) throw new Error('a reply of another length than it says');
    this.replies.push({
      unique: bytes.readBigUInt64LE(8),
      errno: Math.abs(bytes.readInt32LE(4)),
      data: bytes.subarray(16),
    });
    return true;
  }

  [Symbol.dispose](): void {}
}
