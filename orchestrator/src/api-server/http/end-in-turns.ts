import type { Socket } from 'node:net';
import { turns } from '../decoding/turns.ts';
import { readingHandleOf } from './reading-handle.ts';

/** In units of {@link turns}: what hearing of a connection's end costs, and what closing it does. */
const endingCost = 1000;
/** Of a request under way on a connection of HTTP/2: Node closes them all with it, in one go. */
const streamCost = 150;

/** What Node ends with a connection. */
interface Open {
  streams: number;
}

const open = Symbol('what is open on it');

/** Kept by who sees requests of HTTP/2 begin and end. `socket`: may be what Node's session has in its place. */
export function openOn(socket: object): Open {
  const known = socket as { [open]?: Open };
  known[open] ??= { streams: 0 };
  return known[open];
}

/**
 * Of connections that end at once – a client of a thousand watches dies – a turn ends as many as it has room for. Node would end
 * all whose end the kernel tells in one poll.
 */
export function endInTurns(socket: Socket): void {
  const push = socket.push.bind(socket);
  const destroy = socket._destroy.bind(socket);
  socket.push = (chunk: unknown, encoding?: BufferEncoding) => {
    const pause = chunk === null ? turns.goOn(endingCost) : undefined;
    if (!pause) return push(chunk, encoding);
    void pause.then(() => {
      if (socket.destroyed) return;
      push(null);
      // As Node does: a connection that HTTP/2 reads is no stream to anyone else, and would never find its end.
      socket.read(0);
    });
    return false;
  };
  socket._destroy = (error, callback) => {
    const pause = turns.goOn(endingCost + openOn(socket).streams * streamCost);
    if (!pause) return destroy(error, callback);
    stopReading(socket);
    void pause.then(() => destroy(error, callback));
  };
}

/** Node takes what still comes for a socket that is destroyed as an error's number, and throws, as that is none. */
function stopReading(socket: Socket): void {
  const handle = readingHandleOf(socket);
  if (!handle) return;
  handle.readStop();
  // What has been read, and is not told yet: the rest of a packet whose first frames ended the connection.
  handle.onread = () => undefined;
}
