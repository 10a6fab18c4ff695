import type { IncomingMessage } from 'node:http';
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

/** What a kubelet answers to a request for one of its paths. */
export interface NodePage {
  readonly status: number;
  /** True where there is only this to be said against it, that no other protocol was asked for. */
  readonly isStream?: boolean;
  readonly contentType: string;
  readonly chunks: AsyncIterable<Uint8Array>;
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
  /** A path of kubelet's server with its query, such as GET of `/stats/summary`; what it refuses is an answer, too. */
  page(method: string, url: string, signal: AbortSignal): Promise<NodePage>;
}

/** What a stream to a pod is about: exec, attach or port-forward, with the query that a client asks with. */
export interface StreamTarget {
  readonly subresource: 'exec' | 'attach' | 'portforward';
  readonly namespace: string;
  readonly pod: string;
  readonly uid: string;
  /** Chosen by the caller; unused for portforward. */
  readonly container: string;
  /** stdin, stdout, stderr, tty and command as kubectl gives them. */
  readonly query: URLSearchParams;
}

/** A request to change protocols, with what its client sent after it already. */
export interface UpgradedConnection {
  readonly message: IncomingMessage;
  readonly socket: Duplex;
  readonly head: Buffer;
}

/** A kubelet in another process, at an address of its own. All throw ApiError. */
export interface RemoteNodeApi extends Pick<NodeApi, 'logs' | 'page'> {
  /** Hands a client's connection over as it is, until it ends. @throws before anything was written to it */
  passOn(connection: UpgradedConnection, target: StreamTarget, signal: AbortSignal): Promise<void>;
}

/** How the API server finds the kubelet of a node by name; undefined where none is connected. */
export type NodeApiLookup = (nodeName: string) => NodeApi | RemoteNodeApi | undefined;
