import type { Duplex } from 'node:stream';
import { isRefused } from './refuse.ts';

interface PausedError extends NodeJS.ErrnoException {
  readonly rawPacket?: Buffer;
}

/** What a connection has read while its parser was paused, in order. */
const unread = new WeakMap<Duplex, Buffer[]>();

/**
 * Whether this is no error of an HTTP/1.1 client. Node pauses a connection and its parser at a request's head while an answer before it is not
 * written yet. Records of TLS that came in one packet with the head's – those of its body – are read nevertheless, and the paused parser
 * refuses them: they are parsed once it goes on.
 */
export function readWhenResumed({ code, rawPacket }: PausedError, socket: Duplex): boolean {
  if (code !== 'HPE_PAUSED' || !rawPacket) return false;
  const before = unread.get(socket);
  if (before) {
    before.push(rawPacket);
    return true;
  }
  const pieces = [rawPacket];
  unread.set(socket, pieces);
  const goOn = () => {
    const isOver = () => pieces.length === 0 || socket.destroyed || isRefused(socket);
    // Each may begin the next request, and pause the connection again.
    while (!isOver() && !socket.isPaused()) socket.emit('data', pieces.shift());
    if (isOver()) unread.delete(socket);
    else socket.once('resume', goOn);
  };
  socket.once('resume', goOn);
  return true;
}
