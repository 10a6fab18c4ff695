import type { ConnectNfsOptions } from './connect-options.ts';
import type { RetryLaterOptions } from './retry-later.ts';
import type { RpcClientOptions } from './rpc/rpc-client.ts';

/** The options of a connection to one of the server's ports. */
export function rpcOptions(options: ConnectNfsOptions, port: number): RpcClientOptions {
  const { host, privilegedPort, timeoutMs, stallMs, maxInFlightBytes, clock, rng, log } = options;
  return {
    host,
    port,
    clock,
    rng,
    log,
    ...(privilegedPort === undefined ? {} : { privilegedPort }),
    ...(timeoutMs === undefined ? {} : { timeoutMs }),
    ...(stallMs === undefined ? {} : { stallMs }),
    ...(maxInFlightBytes === undefined ? {} : { maxInFlightBytes }),
  };
}

/** A restarted server lets nobody open files for 90 s where its administrator left the default. */
const graceMs = 120_000;

export function retryOptions({ clock, rng, timeoutMs = graceMs }: ConnectNfsOptions): RetryLaterOptions {
  return { clock, rng, timeoutMs };
}
