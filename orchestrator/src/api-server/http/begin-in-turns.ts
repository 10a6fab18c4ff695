import type { EventEmitter } from 'node:events';
import type { Socket } from 'node:net';
import { turns } from '../decoding/turns.ts';

/** In units of {@link turns}: what a handshake computes. */
const handshakeCost = 2500;

/**
 * Of connections that come at once a turn begins as many handshakes as it has room for. What their clients say meanwhile
 * is kept by the socket, and read with the beginning.
 */
export function beginInTurns(server: EventEmitter): void {
  const begin = server.listeners('connection');
  server.removeAllListeners('connection');
  server.on('connection', (socket: Socket) => {
    const start = () => {
      if (!socket.destroyed) for (const each of begin) each.call(server, socket);
    };
    const pause = turns.arrive(handshakeCost);
    if (!pause) return start();
    // Its client may be gone before anyone else listens.
    socket.on('error', () => undefined);
    void pause.then(start);
  });
}
