import { abortable, type Clock, deadline, type Logger, messageOf, type Rng } from '@berth/kit';
import { type ConnectNfsOptions, isNfsError, type NfsClient } from '@berth/nfs-client';
import { GrpcError, grpcError } from '@berth/protos';
import { asNfsFailure } from './nfs-failure.ts';
import type { NfsAccess } from './nfs-parameters.ts';

export interface NfsServersOptions {
  readonly clock: Clock;
  readonly rng: Rng;
  readonly log: Logger;
  readonly connect: (options: ConnectNfsOptions, signal: AbortSignal) => Promise<NfsClient>;
  /** Short work ends after this long, its connection included. */
  readonly callMs?: number;
}

/** Below what provisioners wait for an answer (10 s), so that ours is the one they get. */
const defaultCallMs = 8000;
/** A connection that looks dead is replaced while its call still has time. */
const stallMs = 3000;
/** One call of long work, such as one block of a copy. */
const rpcMs = 30_000;
const idleMs = 120_000;

interface Connection {
  readonly client: Promise<NfsClient>;
  readonly stop: AbortController;
  users: number;
  idle: Disposable | undefined;
}

type Work<T> = (client: NfsClient, signal: AbortSignal) => Promise<T>;

/**
 * One connection to every share in use, kept a while. Each piece of work ends by its own deadline, so that a server
 * that is gone holds up nobody but its own callers.
 */
export class NfsServers implements AsyncDisposable {
  readonly #options: NfsServersOptions;
  readonly #connections = new Map<string, Connection>();
  readonly #closing = new Set<Promise<void>>();
  /** Servers that did not answer when they were last asked. */
  readonly #silentSinceMs = new Map<string, number>();

  constructor(options: NfsServersOptions) {
    this.#options = options;
  }

  /** Does something short. @throws GrpcError UNAVAILABLE – not done by the deadline; others as the server answers. */
  async use<T>(access: NfsAccess, work: Work<T>, signal?: AbortSignal): Promise<T> {
    using limit = deadline(this.#options.clock, this.#options.callMs ?? defaultCallMs, signal);
    return await this.useLong(access, work, limit.signal);
  }

  /** Does something whose length is that of its data: each call to the server has its deadline, the whole has none. */
  async useLong<T>(access: NfsAccess, work: Work<T>, signal: AbortSignal): Promise<T> {
    signal.throwIfAborted();
    const key = keyOf(access);
    const connection = this.#connections.get(key) ?? this.#open(key, access);
    connection.users += 1;
    connection.idle?.[Symbol.dispose]();
    try {
      const client = await abortable(connection.client, signal);
      const result = await abortable(work(client, signal), signal);
      this.#silentSinceMs.delete(access.server);
      return result;
    } catch (error) {
      // Another connection would find what this one cannot find again.
      if (isNfsError(error, 'CLOSED', 'BAD_REPLY', 'STALE', 'BADHANDLE', 'FHEXPIRED', 'BADSESSION')) this.#drop(key);
      const failure = asNfsFailure(error, access.server);
      if (failure instanceof GrpcError && failure.code === 'UNAVAILABLE') this.#isSilent(access.server);
      throw failure;
    } finally {
      connection.users -= 1;
      if (connection.users === 0) this.#closeLater(key, connection);
    }
  }

  /** Since when a server is known not to answer, on the wall clock; undefined where it answered, or was not asked. */
  silentSinceMs({ server }: NfsAccess): number | undefined {
    return this.#silentSinceMs.get(server);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const key of [...this.#connections.keys()]) this.#drop(key);
    await Promise.all(this.#closing);
  }

  #isSilent(server: string): void {
    if (!this.#silentSinceMs.has(server)) this.#silentSinceMs.set(server, this.#options.clock.now());
  }

  #open(key: string, access: NfsAccess): Connection {
    const { clock, rng, log, connect, callMs = defaultCallMs } = this.#options;
    const stop = new AbortController();
    const { server: host, share, version = 'auto', port } = access;
    const options: ConnectNfsOptions = {
      host,
      export: share,
      version,
      uid: 0,
      gid: 0,
      privilegedPort: true,
      timeoutMs: rpcMs,
      stallMs,
      clock,
      rng,
      log,
      ...(port === undefined ? {} : { nfsPort: port }),
    };
    const limit = deadline(clock, callMs, stop.signal);
    const client = abortable(connect(options, limit.signal), limit.signal)
      .catch((error: unknown) => {
        if (!isNfsError(error, 'NOENT')) throw error;
        throw grpcError('FAILED_PRECONDITION', `the nfs server ${host} has no share "${share}"`, { cause: error });
      })
      .finally(() => limit[Symbol.dispose]());
    const connection: Connection = { client, stop, users: 0, idle: undefined };
    this.#connections.set(key, connection);
    client.catch(() => {
      if (this.#connections.get(key) === connection) this.#connections.delete(key);
    });
    return connection;
  }

  #closeLater(key: string, connection: Connection): void {
    if (this.#connections.get(key) !== connection) return;
    connection.idle = this.#options.clock.schedule(idleMs, () => {
      if (connection.users === 0 && this.#connections.get(key) === connection) this.#drop(key);
    });
  }

  /** Nobody waits for the end of a connection whose server may be gone, but the end of all. */
  #drop(key: string): void {
    const connection = this.#connections.get(key);
    if (!connection) return;
    this.#connections.delete(key);
    connection.idle?.[Symbol.dispose]();
    connection.stop.abort(new Error('closed'));
    const closing = this.#close(connection).finally(() => this.#closing.delete(closing));
    this.#closing.add(closing);
  }

  async #close({ client }: Connection): Promise<void> {
    try {
      using limit = deadline(this.#options.clock, stallMs);
      await abortable(
        client.then((opened) => opened[Symbol.asyncDispose]()),
        limit.signal,
      );
    } catch (error) {
      this.#options.log.debug('an nfs connection did not close in order', { reason: messageOf(error) });
    }
  }
}

function keyOf({ server, share, version, port }: NfsAccess): string {
  return JSON.stringify([server, share, version, port]);
}
