import type { Socket } from 'node:net';
import { turns } from '../decoding/turns.ts';

/** In units of {@link turns}: what hearing of a connection's end costs, and what closing it does. */
const endingCost = 1000;

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
    const pause = turns.goOn(endingCost);
    if (!pause) return destroy(error, callback);
    stopReading(socket);
    void pause.then(() => destroy(error, callback));
  };
}

/** What Node's handle of a connection has for its socket. */
interface ReadingHandle {
  onread: () => void;
  readStop(): void;
}

/** Node takes what still comes for a socket that is destroyed as an error's number, and throws, as that is none. */
function stopReading(socket: Socket): void {
  const { _handle: handle } = socket as { _handle?: ReadingHandle | null };
  if (!handle) return;
  handle.readStop();
  // What has been read, and is not told yet: the rest of a packet whose first frames ended the connection.
  handle.onread = () => undefined;
}
