import type { EventEmitter } from 'node:events';
import type { Socket } from 'node:net';
import type { Clock } from '@berth/kit';
import { turns } from '../decoding/turns.ts';
import { FinishInTurns } from './finish-in-turns.ts';

/** In units of {@link turns}: what a handshake computes when it begins. */
const handshakeCost = 5000;

/**
 * Of connections whose clients begin to speak at once a turn begins as many handshakes as it has room for. One that is begun
 * earlier computes when its client speaks, with all others that the kernel tells of in that poll. What clients say meanwhile is kept by
 * the socket, and read with the beginning. Who says nothing for `silentMs` is cut off, as a 'tlsClientError'.
 */
export function beginInTurns(server: EventEmitter, clock: Clock, silentMs: number): void {
  const begin = server.listeners('connection');
  server.removeAllListeners('connection');
  const handshakes = new FinishInTurns(server);
  server.on('connection', (socket: Socket) => {
    const cutOff = () => {
      server.emit('tlsClientError', new Error('the client said nothing'), socket);
      socket.destroy();
    };
    const start = () => {
      if (socket.destroyed) return;
      handshakes.begin(socket);
      for (const each of begin) each.call(server, socket);
    };
    // Its client may be gone before anyone else listens.
    socket.on('error', () => undefined);
    const silence = clock.schedule(silentMs, cutOff);
    socket.once('close', () => silence[Symbol.dispose]());
    // Told of an end, too: the handshake finds it.
    socket.once('readable', () => {
      silence[Symbol.dispose]();
      const pause = turns.arrive(handshakeCost);
      if (pause) void pause.then(start);
      else start();
    });
  });
}
