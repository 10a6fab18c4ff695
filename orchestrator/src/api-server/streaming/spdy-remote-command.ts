import { finished } from 'node:stream/promises';
import { type Clock, deadline } from '@berth/kit';
import type { Status } from '@berth/kube';
import { statusText } from './remote-status.ts';
import type { RemoteStreams, WantedStreams } from './remote-streams.ts';
import type { SpdyConnection } from './spdy/spdy-connection.ts';
import type { SpdyStream } from './spdy/spdy-stream.ts';
import { TerminalSizes } from './terminal-sizes.ts';

/** How long a client may take to open its streams (remotecommand.DefaultStreamCreationTimeout). */
const openWithinMs = 30_000;

type StreamType = 'error' | 'stdin' | 'stdout' | 'stderr' | 'resize';

/** The streams a client of `protocol` opens for what it wants. */
function expected({ stdin, stdout, stderr, tty }: WantedStreams, protocol: string): Set<StreamType> {
  const types = new Set<StreamType>(['error']);
  if (stdin) types.add('stdin');
  if (stdout) types.add('stdout');
  if (stderr && !tty) types.add('stderr');
  if (tty && (protocol === 'v3.channel.k8s.io' || protocol === 'v4.channel.k8s.io')) types.add('resize');
  return types;
}

/** Collects a client's streams by their `streamType` header until all it wants are there. */
export class SpdyRemoteCommand {
  readonly #missing: Set<StreamType>;
  readonly #streams = new Map<StreamType, SpdyStream>();
  readonly #protocol: string;
  readonly #complete = Promise.withResolvers<void>();

  constructor(wanted: WantedStreams, protocol: string) {
    this.#protocol = protocol;
    this.#missing = expected(wanted, protocol);
  }

  add(stream: SpdyStream): void {
    const type = stream.headers['streamtype'] as StreamType;
    if (!this.#missing.delete(type)) {
      stream.destroy();
      return;
    }
    this.#streams.set(type, stream);
    if (this.#missing.size === 0) this.#complete.resolve();
  }

  /** Rejects when the client opens too little in time, or goes away. */
  async streams(connection: SpdyConnection, clock: Clock, signal: AbortSignal): Promise<RemoteStreams> {
    using limit = deadline(clock, openWithinMs, signal);
    limit.signal.addEventListener('abort', () => this.#complete.reject(limit.signal.reason), { once: true });
    if (limit.signal.aborted) this.#complete.reject(limit.signal.reason);
    await this.#complete.promise;
    const get = (type: StreamType) => this.#streams.get(type);
    const [stdin, stdout, stderr] = [get('stdin'), get('stdout'), get('stderr')];
    const resizes = get('resize') ? sizesOf(get('resize') as SpdyStream) : undefined;
    return {
      ...(stdin ? { stdin } : {}),
      ...(stdout ? { stdout } : {}),
      ...(stderr ? { stderr } : {}),
      ...(resizes ? { resizes } : {}),
      finish: (status) => this.#finish(connection, status),
    };
  }

  async #finish(connection: SpdyConnection, status: Status): Promise<void> {
    // Not before: a client takes the end of this side for the command's refusal to read on.
    this.#streams.get('stdin')?.end();
    const error = this.#streams.get('error') as SpdyStream;
    error.end(statusText(status, this.#protocol));
    await finished(error, { readable: false }).catch(() => undefined);
    connection.close();
  }
}

function sizesOf(stream: SpdyStream): TerminalSizes {
  const sizes = new TerminalSizes();
  stream.on('data', (data: Buffer) => sizes.push(data));
  stream.on('close', () => sizes.end());
  stream.on('end', () => sizes.end());
  return sizes;
}
