import type { Socket } from 'node:net';
import { turns } from '../decoding/turns.ts';

const inTurns = new WeakSet<Socket>();

/**
 * From here on what comes in on an HTTP/1.1 connection is parsed as turns have room for it, taking for granted that each chunk is
 * of one byte: for each the parser calls back, which takes a hundred times as long as reading it, and a packet has ten thousand.
 */
export function readInTurns(socket: Socket): void {
  if (inTurns.has(socket)) return;
  inTurns.add(socket);
  const push = socket.push.bind(socket);
  // Pieces of what was read at once, and the end, behind the one that waits.
  const waiting: unknown[] = [];
  const pushWaiting = () => {
    while (waiting.length > 0 && !socket.destroyed) {
      push(waiting.shift());
      const pause = waiting.length > 0 ? turns.goOn(unitsOf(waiting[0])) : undefined;
      if (pause) return void pause.then(pushWaiting);
    }
  };
  socket.push = (piece: unknown, encoding?: BufferEncoding) => {
    const pause = waiting.length === 0 ? turns.arrive(unitsOf(piece)) : undefined;
    if (waiting.length === 0 && !pause) return push(piece, encoding);
    waiting.push(piece);
    void pause?.then(pushWaiting);
    // Nothing more is read until then.
    return false;
  };
  // Node's parser reads past the socket until somebody else has listened.
  const listener = () => undefined;
  socket.on('data', listener);
  socket.off('data', listener);
}

/** In units of {@link turns}: six bytes are a chunk. */
function unitsOf(piece: unknown): number {
  return piece instanceof Uint8Array ? piece.length : 1;
}
