import type { IncomingMessage } from 'node:http';
import { request as httpsRequest } from 'node:https';
import type { TLSSocket } from 'node:tls';
import { apiError, type KubeClient, type Node, resources } from '@berth/kube';
import { logPath, streamPath } from '../../kubelet/server/kubelet-request.ts';
import type {
  ContainerRef,
  LogOptions,
  NodePage,
  RemoteNodeApi,
  StreamTarget,
  UpgradedConnection,
} from '../../node-api.ts';
import { joinUpgraded } from '../webhook/join-upgraded.ts';
import { networkWords } from '../webhook/network-words.ts';
import { connectTls } from '../webhook/tls-connection.ts';

export interface RemoteKubeletOptions {
  readonly nodeName: string;
  readonly client: KubeClient;
  /** PEM: what this server shows to kubelets, and the authority of theirs. */
  readonly cert: string;
  readonly key: string;
  readonly ca: string;
}

/** Upstream's --kubelet-preferred-address-types, without names: nodes of ours have none that can be looked up. */
const addressTypes = ['InternalIP', 'ExternalIP'];
/** What belongs to a connection's protocol, and so to whoever ends it. */
const passedOn = /^(upgrade|connection|sec-websocket-.*|x-stream-protocol-version)$/i;

interface Asked {
  readonly method: string;
  readonly path: string;
  /** What is told of one that cannot be reached. */
  readonly failed: typeof unreachable;
}

interface Place {
  readonly host: string;
  readonly port: number;
}

/** A node's kubelet at the address its node object tells (kube-apiserver's kubelet client and its proxy handler). */
export class RemoteKubelet implements RemoteNodeApi {
  readonly #o: RemoteKubeletOptions;

  constructor(options: RemoteKubeletOptions) {
    this.#o = options;
  }

  async logs(target: ContainerRef, options: LogOptions, signal: AbortSignal): Promise<AsyncIterable<Uint8Array>> {
    const answer = await this.#ask({ method: 'GET', path: logPath(target, options), failed: unreachable }, signal);
    if (answer.statusCode === 200) return answer as AsyncIterable<Uint8Array>;
    let text = '';
    for await (const chunk of answer.setEncoding('utf8')) text += chunk;
    if (answer.statusCode === 400) throw apiError('BadRequest', text);
    if (answer.statusCode === 404) throw apiError('NotFound', text);
    throw apiError('InternalError', `Internal error occurred: ${text}`);
  }

  async page(method: string, url: string, signal: AbortSignal): Promise<NodePage> {
    const answer = await this.#ask({ method, path: url, failed: unproxied }, signal);
    const { statusCode: status = 502, headers } = answer;
    return {
      status,
      contentType: headers['content-type'] ?? 'text/plain',
      chunks: answer as AsyncIterable<Uint8Array>,
    };
  }

  async passOn(connection: UpgradedConnection, target: StreamTarget, signal: AbortSignal): Promise<void> {
    const { message, socket, head } = connection;
    const place = await this.#place(signal);
    const kubelet = await this.#connect(place, signal);
    kubelet.write(`${requestHead(message, place, streamPath(target))}\r\n`);
    try {
      await joinUpgraded({ near: socket, head, far: kubelet }, signal);
    } catch (error) {
      throw signal.aborted ? signal.reason : unreachable(error);
    }
  }

  async #ask({ method, path, failed }: Asked, signal: AbortSignal): Promise<IncomingMessage> {
    const { cert, key, ca } = this.#o;
    const { host, port } = await this.#place(signal);
    return new Promise((resolve, reject) => {
      const sent = httpsRequest({ host, port, method, path, cert, key, ca, agent: false, signal }, resolve);
      sent.once('error', (error) => reject(signal.aborted ? signal.reason : failed(error)));
      sent.end();
    });
  }

  /** @throws ApiError NotFound, ServiceUnavailable – the node does not tell where its kubelet is. */
  async #place(signal: AbortSignal): Promise<Place> {
    const { client, nodeName: name } = this.#o;
    const { status } = await client.get<Node>(resources.nodes, { name }, signal);
    const port = status?.daemonEndpoints?.kubeletEndpoint?.Port ?? 0;
    const host = addressTypes
      .map((type) => status?.addresses?.find((each) => each.type === type)?.address)
      .find((address) => address !== undefined);
    if (port > 0 && host !== undefined) return { host, port };
    throw apiError('ServiceUnavailable', `the kubelet of node ${JSON.stringify(name)} is not connected`);
  }

  async #connect(place: Place, signal: AbortSignal): Promise<TLSSocket> {
    const { cert, key, ca } = this.#o;
    try {
      return await connectTls({ ...place, cert, key, ca }, signal);
    } catch (error) {
      throw signal.aborted ? signal.reason : unreachable(error);
    }
  }
}

/** Nothing of who asked: that was found out and allowed here. */
function requestHead(message: IncomingMessage, { host, port }: Place, path: string): string {
  const lines = [`${message.method} ${path} HTTP/1.1`, `Host: ${host}:${port}`];
  for (let i = 0; i < message.rawHeaders.length; i += 2) {
    const [name = '', value = ''] = message.rawHeaders.slice(i, i + 2);
    if (passedOn.test(name)) lines.push(`${name}: ${value}`);
  }
  return lines.map((line) => `${line}\r\n`).join('');
}

function unreachable(error: unknown) {
  return apiError('InternalError', `Internal error occurred: error dialing backend: ${networkWords(error)}`);
}

/** As of any other place that is proxied to. */
function unproxied(error: unknown) {
  return apiError('ServiceUnavailable', `error trying to reach service: ${networkWords(error)}`);
}
