import type { Duplex } from 'node:stream';
import { type ConnectionOptions, connect, type TLSSocket } from 'node:tls';
import { systemClock } from '@berth/kit';
import { joinAddress } from './network-words.ts';

const connectMs = 30_000;

export interface TlsPlace extends ConnectionOptions {
  readonly host: string;
  readonly port: number;
}

/** A connection for HTTP/1.1 that changes its protocol. @throws Error – the network's, or `signal`'s reason */
export function connectTls(place: TlsPlace, signal: AbortSignal): Promise<TLSSocket> {
  return new Promise((resolve, reject) => {
    const socket = connect({ ...place, ALPNProtocols: ['http/1.1'] });
    // Whoever has it looks for its end; an error on the way from one to the other is none of the process.
    socket.on('error', () => undefined);
    const settle = () => {
      signal.removeEventListener('abort', onAbort);
      timer[Symbol.dispose]();
    };
    const failed = (error: unknown) => {
      settle();
      socket.destroy();
      reject(error);
    };
    const onAbort = () => failed(signal.reason);
    const timer = systemClock.schedule(connectMs, () =>
      failed(new Error(`dial tcp ${joinAddress(place.host, place.port)}: i/o timeout`)),
    );
    signal.addEventListener('abort', onAbort, { once: true });
    socket.once('error', failed);
    socket.once('secureConnect', () => {
      socket.off('error', failed);
      settle();
      resolve(socket);
    });
    if (signal.aborted) onAbort();
  });
}

/** Bytes both ways, until one side ends or `signal` says so; what the far side said last still comes to the near one. */
export function joinSockets(near: Duplex, far: Duplex, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const end = () => {
      signal.removeEventListener('abort', end);
      far.destroy();
      near.destroy();
      resolve();
    };
    far.once('error', end).once('close', () => near.end());
    near.once('error', end).once('close', end);
    signal.addEventListener('abort', end, { once: true });
    // A long-lived connection has times without traffic.
    for (const side of [near, far]) (side as Duplex & { setTimeout?: (ms: number) => void }).setTimeout?.(0);
    far.pipe(near);
    near.pipe(far);
    if (signal.aborted) end();
  });
}
