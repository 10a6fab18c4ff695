import type { Duplex, Readable } from 'node:stream';
import { pieceRead } from './pause-reading.ts';

/** What is announced to be no longer has few pieces, however small they are. */
export const fewBytes = 4096;

/** A piece of so many bytes costs what it brings. */
const smallBytes = 1024;
const roomBytes = 16 * 1024;

/**
 * Small pieces that come in one turn of the event loop reach the stream as one. A client that sends a byte at a time, in chunks
 * of HTTP/1.1 or frames of HTTP/2, has ten thousand of them in one packet, and to a stream each is an event, a tick and a buffer.
 */
export function gatherPieces(stream: Readable): void {
  const push = stream.push.bind(stream);
  let room: Buffer | undefined;
  let used = 0;
  const flush = () => {
    if (!room || used === 0) return;
    // A copy: who keeps a piece of a byte must not keep all that room.
    const gathered = Buffer.from(room.subarray(0, used));
    used = 0;
    if (!stream.destroyed) push(gathered);
  };
  const gather = (piece: Uint8Array) => {
    if (used + piece.length > roomBytes) flush();
    if (used === 0) setImmediate(flush);
    pieceRead(stream as Duplex);
    room ??= Buffer.allocUnsafeSlow(roomBytes);
    room.set(piece, used);
    used += piece.length;
    return stream.readableLength + used < stream.readableHighWaterMark;
  };
  stream.push = (piece: unknown, encoding?: BufferEncoding) => {
    if (piece instanceof Uint8Array && piece.length < smallBytes) return gather(piece);
    flush();
    return push(piece, encoding);
  };
}
