import { SpdyError } from './spdy-error.ts';

/** Control frames of SPDY/3.1 by number (draft-mbelshe-httpbis-spdy-00 §2.6). */
export const frameTypes = {
  synStream: 1,
  synReply: 2,
  rstStream: 3,
  settings: 4,
  ping: 6,
  goAway: 7,
  headers: 8,
  windowUpdate: 9,
} as const;

export const finFlag = 1;
const version = 3;
const maxControlBytes = 64 * 1024;
/** What fits the frame's 24 bits of length, kept small so that streams take turns. */
const maxDataBytes = 1024 * 1024;

export type Frame =
  | { readonly type: 'control'; readonly kind: number; readonly flags: number; readonly payload: Buffer }
  /** A piece of a data frame; `fin` with its last one. */
  | { readonly type: 'data'; readonly streamId: number; readonly fin: boolean; readonly data: Buffer };

/** Cuts a byte stream into frames; data is passed on as it arrives, control frames when they are whole. */
export class FrameReader {
  #rest: Buffer = Buffer.alloc(0);
  #data: { streamId: number; fin: boolean; left: number } | undefined;

  /** @throws SpdyError – not SPDY/3 */
  *push(chunk: Buffer): Generator<Frame> {
    this.#rest = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk]);
    while (true) {
      const frame = this.#data ? this.#takeData(this.#data) : this.#takeFrame();
      if (!frame) return;
      yield frame;
    }
  }

  #takeFrame(): Frame | undefined {
    const rest = this.#rest;
    if (rest.length < 8) return undefined;
    const flags = rest[4] as number;
    const length = rest.readUIntBE(5, 3);
    if ((rest[0] as number) < 0x80) {
      this.#rest = rest.subarray(8);
      this.#data = { streamId: rest.readUInt32BE(0), fin: (flags & finFlag) !== 0, left: length };
      return this.#takeData(this.#data);
    }
    if ((rest.readUInt16BE(0) & 0x7fff) !== version) throw new SpdyError('not SPDY version 3');
    if (length > maxControlBytes) throw new SpdyError('a control frame is too large');
    if (rest.length < 8 + length) return undefined;
    this.#rest = rest.subarray(8 + length);
    return { type: 'control', kind: rest.readUInt16BE(2), flags, payload: rest.subarray(8, 8 + length) };
  }

  #takeData(data: { streamId: number; fin: boolean; left: number }): Frame | undefined {
    if (this.#rest.length === 0 && data.left > 0) return undefined;
    const piece = this.#rest.subarray(0, data.left);
    this.#rest = this.#rest.subarray(piece.length);
    data.left -= piece.length;
    if (data.left === 0) this.#data = undefined;
    return { type: 'data', streamId: data.streamId, fin: data.fin && data.left === 0, data: piece };
  }
}

export function controlFrame(kind: number, payload: Uint8Array, flags = 0): Buffer {
  const head = Buffer.alloc(8);
  head.writeUInt16BE(0x8000 | version, 0);
  head.writeUInt16BE(kind, 2);
  head[4] = flags;
  head.writeUIntBE(payload.length, 5, 3);
  return Buffer.concat([head, payload]);
}

/** The frames of `data`: as many as its length needs, the last one with `fin`. */
export function dataFrames(streamId: number, data: Uint8Array, fin: boolean): Buffer {
  const parts: Uint8Array[] = [];
  for (let at = 0; at === 0 || at < data.length; at += maxDataBytes) {
    const piece = data.subarray(at, at + maxDataBytes);
    const head = Buffer.alloc(8);
    head.writeUInt32BE(streamId, 0);
    head[4] = fin && at + piece.length >= data.length ? finFlag : 0;
    head.writeUIntBE(piece.length, 5, 3);
    parts.push(head, piece);
  }
  return Buffer.concat(parts);
}

/** A payload of 32-bit numbers. */
export function numbers(...values: readonly number[]): Buffer {
  const bytes = Buffer.alloc(4 * values.length);
  for (const [i, value] of values.entries()) bytes.writeUInt32BE(value >>> 0, 4 * i);
  return bytes;
}
