import type { Duplex, Readable, Writable } from 'node:stream';

export interface LogOptions {
  readonly follow?: boolean;
  readonly previous?: boolean;
  readonly timestamps?: boolean;
  readonly tailLines?: number;
  readonly limitBytes?: number;
  readonly sinceSeconds?: number;
  /** RFC 3339. */
  readonly sinceTime?: string;
}

export interface ContainerRef {
  readonly namespace: string;
  readonly pod: string;
  readonly container: string;
}

/** The ends of an exec or attach that the client holds; absent ones were not asked for. */
export interface TerminalStreams {
  readonly stdin?: Readable;
  readonly stdout?: Writable;
  readonly stderr?: Writable;
  readonly tty: boolean;
  /** Terminal sizes as the client changes them. */
  readonly resizes?: AsyncIterable<{ readonly width: number; readonly height: number }>;
}

/**
 * What an API server asks of a node's kubelet for kubectl logs, exec, attach, cp and port-forward.
 * All throw ApiError with the words kubelet uses, e.g. BadRequest for a container that is waiting to start.
 */
export interface NodeApi {
  logs(target: ContainerRef, options: LogOptions, signal: AbortSignal): Promise<AsyncIterable<Uint8Array>>;
  /** Resolves with the exit code when the command has ended. */
  exec(
    target: ContainerRef,
    command: readonly string[],
    streams: TerminalStreams,
    signal: AbortSignal,
  ): Promise<number>;
  attach(target: ContainerRef, streams: TerminalStreams, signal: AbortSignal): Promise<void>;
  /** A connection to `port` inside the pod's network namespace. */
  portForward(target: Omit<ContainerRef, 'container'>, port: number, signal: AbortSignal): Promise<Duplex>;
}

/** How the API server finds the kubelet of a node by name; undefined where none is connected. */
export type NodeApiLookup = (nodeName: string) => NodeApi | undefined;
