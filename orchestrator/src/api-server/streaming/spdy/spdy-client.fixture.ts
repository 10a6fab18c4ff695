import type { Duplex } from 'node:stream';
import { constants, createDeflate } from 'node:zlib';
import { spdyDictionary } from './dictionary.ts';
import { controlFrame, dataFrames, type Frame, FrameReader, frameTypes, numbers } from './frame.ts';

type Headers = Readonly<Record<string, string>>;

function block(headers: Headers): Buffer {
  const sized = (text: string) => Buffer.concat([numbers(Buffer.byteLength(text)), Buffer.from(text)]);
  const entries = Object.entries(headers);
  return Buffer.concat([numbers(entries.length), ...entries.flatMap(([name, value]) => [sized(name), sized(value)])]);
}

/** Compresses header blocks as a client does: one state for the whole connection. */
export function headerCompressor(): (headers: Headers) => Promise<Buffer> {
  const deflate = createDeflate({ dictionary: spdyDictionary });
  return (headers) =>
    new Promise((resolve) => {
      const chunks: Buffer[] = [];
      deflate.on('data', (chunk: Buffer) => chunks.push(chunk));
      deflate.write(block(headers), () =>
        deflate.flush(constants.Z_SYNC_FLUSH, () => {
          deflate.removeAllListeners('data');
          resolve(Buffer.concat(chunks));
        }),
      );
    });
}

/** The client's end of a connection, for tests; `frames` is all the server sent. */
export class SpdyTestClient {
  readonly frames: Frame[] = [];
  readonly #transport: Duplex;
  readonly #compress = headerCompressor();

  constructor(transport: Duplex) {
    this.#transport = transport;
    const reader = new FrameReader();
    transport.on('data', (chunk: Buffer) => this.frames.push(...reader.push(chunk)));
    transport.on('error', () => undefined);
  }

  async open(id: number, headers: Headers, flags = 0): Promise<void> {
    const payload = Buffer.concat([numbers(id, 0), Buffer.alloc(2), await this.#compress(headers)]);
    this.#transport.write(controlFrame(frameTypes.synStream, payload, flags));
  }

  send(id: number, data: string, fin = false): void {
    this.#transport.write(dataFrames(id, Buffer.from(data), fin));
  }

  control(kind: number) {
    return this.frames.filter((frame) => frame.type === 'control' && frame.kind === kind);
  }

  /** What a stream has said so far. */
  text(id: number): string {
    const pieces = this.frames.flatMap((frame) => (frame.type === 'data' && frame.streamId === id ? [frame.data] : []));
    return Buffer.concat(pieces).toString();
  }

  ended(id: number): boolean {
    return this.frames.some((frame) => frame.type === 'data' && frame.streamId === id && frame.fin);
  }
}
