import { connect, type Socket } from 'node:net';
import { messageOf, type Rng } from '@berth/kit';
import { NfsError } from '../nfs-error.ts';

export interface ConnectOptions {
  readonly host: string;
  readonly port: number;
  /** Binds a source port below 1024, which servers that export with `secure` ask for. Needs root or CAP_NET_BIND_SERVICE. */
  readonly privilegedPort: boolean;
  /** The source port of the connection before: a server's duplicate request cache may know us by it. */
  readonly previousPort?: number | undefined;
  /** Where bytes are received, without a copy in between. */
  readonly receive: Receiver;
  readonly rng: Rng;
}

/** Asked for space before each read of the socket, told what came after it. */
export interface Receiver {
  space(): Uint8Array;
  received(bytes: number, space: Uint8Array): void;
}

/** Linux's own reserved range begins at 665: below are ports that well-known daemons bind. */
const reserved = { first: 665, last: 1023 } as const;

const keepAliveMs = 30_000;

/**
 * Opens a TCP connection.
 * @throws NfsError UNAVAILABLE – nobody answers. ACCESS – a privileged port may not be bound.
 */
export async function connectSocket(options: ConnectOptions, signal: AbortSignal): Promise<Socket> {
  let failure: unknown;
  for (const localPort of candidates(options)) {
    signal.throwIfAborted();
    try {
      return await dial(options, localPort, signal);
    } catch (error) {
      signal.throwIfAborted();
      failure = error;
      if (!isPortTaken(error) || localPort === undefined) break;
    }
  }
  const where = `${options.host}:${options.port}`;
  if ((failure as { code?: string }).code === 'EACCES' && options.privilegedPort)
    throw new NfsError('ACCESS', `connect to ${where}: a port below 1024 needs root or CAP_NET_BIND_SERVICE`, {
      cause: failure,
    });
  throw new NfsError('UNAVAILABLE', `connect to ${where}: ${messageOf(failure)}`, { cause: failure });
}

function* candidates({ privilegedPort, previousPort, rng }: ConnectOptions): Generator<number | undefined> {
  if (previousPort !== undefined) yield previousPort;
  if (!privilegedPort) {
    yield undefined;
    return;
  }
  const count = reserved.last - reserved.first + 1;
  const start = Math.floor(rng.next() * count);
  for (let i = 0; i < count; i++) yield reserved.first + ((start + i) % count);
}

function isPortTaken(error: unknown): boolean {
  return ['EADDRINUSE', 'EADDRNOTAVAIL'].includes((error as { code?: string }).code ?? '');
}

function dial(
  { host, port, receive }: ConnectOptions,
  localPort: number | undefined,
  signal: AbortSignal,
): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const callback = (bytes: number, space: Uint8Array) => {
      receive.received(bytes, space);
      return true;
    };
    const socket = connect({
      host,
      port,
      noDelay: true,
      keepAlive: true,
      keepAliveInitialDelay: keepAliveMs,
      onread: { buffer: () => receive.space(), callback },
      ...(localPort === undefined ? {} : { localPort }),
    });
    const onAbort = () => socket.destroy(new Error('aborted'));
    const onConnect = () => settle(() => resolve(socket));
    const onError = (error: Error) => settle(() => reject(error));
    const settle = (run: () => void) => {
      signal.removeEventListener('abort', onAbort);
      socket.off('connect', onConnect).off('error', onError);
      run();
    };
    signal.addEventListener('abort', onAbort, { once: true });
    socket.once('connect', onConnect).once('error', onError);
  });
}
