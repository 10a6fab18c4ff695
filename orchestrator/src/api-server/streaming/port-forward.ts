import type { Duplex } from 'node:stream';
import { finished } from 'node:stream/promises';
import { messageOf } from '@berth/kit';
import type { NodeApi } from '../../node-api.ts';
import type { SpdyStream } from './spdy/spdy-stream.ts';

export interface PortForwardTarget {
  readonly node: NodeApi;
  readonly namespace: string;
  readonly pod: string;
  readonly uid: string;
}

interface Pair {
  data?: SpdyStream;
  error?: SpdyStream;
}

/** Pairs the `data` and `error` streams of each connection by request id and connects them to the pod's port. */
export class PortForwarder {
  readonly #target: PortForwardTarget;
  readonly #signal: AbortSignal;
  readonly #pairs = new Map<string, Pair>();

  constructor(target: PortForwardTarget, signal: AbortSignal) {
    this.#target = target;
    this.#signal = signal;
  }

  add(stream: SpdyStream): void {
    const type = stream.headers['streamtype'];
    const port = Number(stream.headers['port']);
    if ((type !== 'data' && type !== 'error') || !Number.isInteger(port) || port < 1 || port > 65535) {
      stream.destroy();
      return;
    }
    // Clients of before 1.3 number nothing: their data stream comes right after its error stream.
    const id = stream.headers['requestid'] ?? String(type === 'error' ? stream.id : stream.id - 2);
    const pair = this.#pairs.get(id) ?? {};
    if (pair[type]) return void stream.destroy();
    pair[type] = stream;
    this.#pairs.set(id, pair);
    stream.once('close', () => {
      if (this.#pairs.get(id) === pair) this.#pairs.delete(id);
    });
    const { data, error } = pair;
    if (!data || !error) return;
    this.#pairs.delete(id);
    void this.forward(data, error, port);
  }

  /** Connects `data` to the pod's port until both have ended; what went wrong is said on `error`. */
  async forward(data: Duplex, error: Duplex, port: number): Promise<void> {
    const { node, namespace, pod, uid } = this.#target;
    // The client says nothing here; reading lets the stream end.
    error.resume();
    try {
      const connection = await node.portForward({ namespace, pod }, port, this.#signal);
      await join(data, connection);
    } catch (failure) {
      error.write(`error forwarding port ${port} to pod ${pod}, uid ${uid}: ${messageOf(failure)}`);
      data.resume();
    }
    if (!data.destroyed && !data.writableEnded) data.end();
    if (!error.destroyed) error.end();
  }
}

/** Carries bytes both ways, the client's end included, until the pod has ended or one broke. */
async function join(data: Duplex, connection: Duplex): Promise<void> {
  let clientLeft = false;
  data.once('close', () => {
    // kubectl resets a stream whose local connection is done; what ended in order is left to flush.
    clientLeft = !data.readableEnded || !data.writableFinished;
    if (clientLeft) connection.destroy();
  });
  data.pipe(connection);
  connection.pipe(data);
  try {
    // A program that said all it had to say is not told the rest.
    await finished(connection, { writable: false });
  } catch (error) {
    if (!clientLeft) throw error;
  } finally {
    connection.destroy();
  }
}
