import { connect, constants } from 'node:http2';
import { Agent, request as httpsRequest } from 'node:https';
import type { Readable } from 'node:stream';
import { DecodeError, type HttpTransportOptions, type KubeObject, loadKubeconfig } from '@berth/kube';
import { protobufFrames } from './protobuf-frames.ts';
import {
  LostConnection,
  type Wire,
  type WireAnswer,
  type WireFrame,
  type WireRequest,
  type WireWatch,
} from './wire.ts';

interface Opened {
  readonly status: number;
  readonly type: string;
  readonly stream: Readable;
}

/** A server over TLS, by HTTP/1.1 or HTTP/2; nothing is tried twice, and no more is read than is asked for. */
export class SocketWire implements Wire, Disposable {
  readonly life: string;
  readonly #url: URL;
  readonly #tls: { readonly ca: string; readonly cert: string; readonly key: string };
  readonly #agent: Agent;

  private constructor(life: string, { server, ca = '', cert = '', key = '' }: HttpTransportOptions) {
    this.life = life;
    this.#url = new URL(server);
    this.#tls = { ca: String(ca), cert: String(cert), key: String(key) };
    this.#agent = new Agent({ ...this.#tls, keepAlive: true });
  }

  static async of(life: string, kubeconfig: string): Promise<SocketWire> {
    return new SocketWire(life, (await loadKubeconfig(kubeconfig)).transport);
  }

  async request(request: WireRequest): Promise<WireAnswer> {
    const { status, stream } = await this.#open(request, this.#agent, undefined);
    let text = '';
    try {
      for await (const chunk of stream.setEncoding('utf8')) text += chunk;
      return { status, body: JSON.parse(text) };
    } catch (error) {
      throw new LostConnection(true, error);
    }
  }

  async watch(
    { isNew, ...request }: WireRequest & { readonly isNew: boolean },
    signal: AbortSignal,
  ): Promise<WireWatch> {
    const { status, type, stream } = isNew
      ? await this.#openNew(request, signal)
      : await this.#open(request, false, signal);
    const frames = type.startsWith('application/vnd.kubernetes.protobuf') ? protobufFrames(stream) : framesOf(stream);
    return { status, frames: untilLost(frames) };
  }

  [Symbol.dispose](): void {
    this.#agent.destroy();
  }

  #open({ method, path, body, contentType, accept }: WireRequest, agent: Agent | false, signal?: AbortSignal) {
    const { hostname, port } = this.#url;
    const payload = body === undefined ? undefined : JSON.stringify(body);
    const headers = {
      accept: accept ?? 'application/json',
      ...(payload === undefined
        ? {}
        : { 'content-type': contentType ?? 'application/json', 'content-length': Buffer.byteLength(payload) }),
    };
    const options = { hostname, port, method, path, headers, agent, ...this.#tls, ...(signal ? { signal } : {}) };
    return new Promise<Opened>((resolve, reject) => {
      const sent = httpsRequest(options, (stream) =>
        resolve({ status: stream.statusCode ?? 0, type: stream.headers['content-type'] ?? '', stream }),
      );
      sent.once('error', (error: NodeJS.ErrnoException) =>
        reject(new LostConnection(error.code !== 'ECONNREFUSED', error)),
      );
      sent.end(payload);
    });
  }

  /** A session of its own. */
  #openNew({ path, accept }: WireRequest, signal: AbortSignal): Promise<Opened> {
    return new Promise((resolve, reject) => {
      const session = connect(this.#url, { ...this.#tls });
      const lost = (error?: unknown) => reject(new LostConnection(true, error));
      session.once('error', lost);
      session.once('close', lost);
      const { HTTP2_HEADER_PATH, HTTP2_HEADER_STATUS, HTTP2_HEADER_ACCEPT, HTTP2_HEADER_CONTENT_TYPE } = constants;
      const headers = { [HTTP2_HEADER_PATH]: path, [HTTP2_HEADER_ACCEPT]: accept ?? 'application/json' };
      const stream = session.request(headers, { signal });
      stream.once('error', lost);
      stream.once('close', () => session.destroy());
      stream.once('response', (answer) => {
        const type = String(answer[HTTP2_HEADER_CONTENT_TYPE]);
        resolve({ status: Number(answer[HTTP2_HEADER_STATUS]), type, stream });
      });
    });
  }
}

/** However a connection ends, the watcher goes on from what it has. */
async function* untilLost(frames: AsyncIterable<WireFrame>): AsyncGenerator<WireFrame> {
  try {
    yield* frames;
  } catch (error) {
    // Not of the connection: what came is wrong.
    if (error instanceof SyntaxError || error instanceof DecodeError) throw error;
  }
}

/** Lines as objects; a line that was cut off is none. */
async function* framesOf(stream: Readable): AsyncGenerator<WireFrame> {
  let rest = '';
  for await (const chunk of stream.setEncoding('utf8')) {
    const lines = (rest + (chunk as string)).split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) yield JSON.parse(line) as WireFrame;
  }
  // An answer that is no watch is one document.
  if (rest.startsWith('{"kind":"Status"')) yield { type: 'ERROR', object: JSON.parse(rest) as KubeObject };
}
