import { Channel } from '@berth/kit';
import type { TerminalSize } from './remote-streams.ts';

/** A client that only resizes and is never read must not fill memory. */
const maxWaiting = 64;
const maxPendingBytes = 4096;

/** Reads the concatenated JSON documents of a resize stream: `{"Width":80,"Height":24}`. */
export class TerminalSizes implements AsyncIterable<TerminalSize> {
  readonly #channel = new Channel<TerminalSize>(maxWaiting);
  #pending = '';

  push(data: Uint8Array): void {
    this.#pending += Buffer.from(data).toString('utf8');
    for (let end = this.#pending.indexOf('}'); end >= 0; end = this.#pending.indexOf('}')) {
      this.#read(this.#pending.slice(0, end + 1));
      this.#pending = this.#pending.slice(end + 1);
    }
    if (this.#pending.length > maxPendingBytes) this.#pending = '';
  }

  end(): void {
    this.#channel.end();
  }

  [Symbol.asyncIterator](): AsyncIterator<TerminalSize> {
    return this.#channel[Symbol.asyncIterator]();
  }

  #read(text: string): void {
    try {
      const { Width: width, Height: height } = JSON.parse(text) as { Width?: unknown; Height?: unknown };
      if (isSize(width) && isSize(height)) this.#channel.push({ width, height });
    } catch {
      // What is no size changes none.
    }
  }
}

const isSize = (value: unknown): value is number =>
  Number.isInteger(value) && (value as number) > 0 && (value as number) < 65536;
