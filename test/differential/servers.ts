import { Agent, request } from 'node:https';
import { setTimeout as sleep } from 'node:timers/promises';
import { defaultServices, type ServiceRanges } from '../../orchestrator/src/index.ts';
import { anApiServer } from '../harness/api-server.ts';
import { KubeApiserver } from '../harness/kube-apiserver.ts';
import type { Answer } from './compare.ts';

export interface Sent {
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  readonly path: string;
  readonly body?: unknown;
  /** Of a patch; a merge patch where it is not told. */
  readonly contentType?: string;
  readonly accept?: string;
}

export type Send = (sent: Sent) => Promise<Answer>;

type Listening = Pick<KubeApiserver, 'authority' | 'port'>;

/** Upstream's server and ours, side by side and ready, asked by an administrator. */
export class TwoServers implements AsyncDisposable {
  readonly theirs: Send;
  readonly ours: Send;
  readonly #parts: readonly AsyncDisposable[];

  private constructor(theirs: Send, ours: Send, parts: readonly AsyncDisposable[]) {
    this.theirs = theirs;
    this.ours = ours;
    this.#parts = parts;
  }

  /** Services have addresses of these ranges. */
  static async start(cidrs: ServiceRanges['cidrs']): Promise<TwoServers> {
    // Upstream refuses one of another family than its own address.
    const advertised = cidrs[0].includes(':') ? ['--advertise-address', '2001:db8::7'] : [];
    const upstream = await KubeApiserver.start(['--service-cluster-ip-range', cidrs.join(), ...advertised]);
    const limits = { maxRequestsInFlight: 400, maxMutatingRequestsInFlight: 200 };
    const berth = await anApiServer({ limits, more: { services: { ...defaultServices, cidrs } } }).catch(
      async (error: unknown) => {
        await upstream[Symbol.asyncDispose]();
        throw error;
      },
    );
    const agent = new Agent({ keepAlive: true, maxSockets: 8 });
    const [theirs, ours] = await Promise.all([clientOf(upstream, agent), clientOf(berth, agent)]);
    const close = { [Symbol.asyncDispose]: async () => agent.destroy() };
    const servers = new TwoServers(theirs, ours, [close, berth, upstream]);
    try {
      await ready(upstream, theirs);
      return servers;
    } catch (error) {
      await servers[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** What both answer. */
  async ask(theirs: Sent, ours: Sent = theirs): Promise<readonly [Answer, Answer]> {
    return await Promise.all([this.theirs(theirs), this.ours(ours)]);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const part of this.#parts) await part[Symbol.asyncDispose]();
  }
}

async function ready(server: KubeApiserver, send: Send): Promise<void> {
  for (let tries = 0; ; tries++) {
    const answer = await send({ method: 'GET', path: '/readyz' }).catch(() => undefined);
    if (answer?.status === 200) return;
    if (server.ended || tries > 600) throw new Error(`kube-apiserver did not get ready:\n${server.log.slice(-4000)}`);
    await sleep(100);
  }
}

async function clientOf({ authority, port }: Listening, agent: Agent): Promise<Send> {
  const pair = await authority.issue('CN=admin, O=system:masters', 'client');
  const place = { host: '127.0.0.1', port, agent, ca: authority.cert, ...pair };
  const send: Send = (asked) =>
    new Promise((resolve, reject) => {
      const { method, path, body, accept } = asked;
      const { contentType: type = method === 'PATCH' ? 'application/merge-patch+json' : 'application/json' } = asked;
      const payload = body === undefined ? undefined : JSON.stringify(body);
      const headers = {
        ...(accept ? { accept } : {}),
        ...(payload ? { 'content-type': type, 'content-length': Buffer.byteLength(payload) } : {}),
      };
      const sent = request({ ...place, method, path, headers }, (answer) => {
        let text = '';
        answer.setEncoding('utf8').on('data', (chunk: string) => {
          text += chunk;
        });
        const warning = answer.headersDistinct['warning']?.join('\n') ?? '';
        answer.on('end', () => resolve({ status: answer.statusCode ?? 0, warning, text })).on('error', reject);
      });
      sent.on('error', (error: NodeJS.ErrnoException) => {
        // A server may close a connection that was quiet just as it is used again.
        if (sent.reusedSocket) resolve(send(asked));
        // Upstream's handlers panic at some objects, which ends the connection without an answer.
        else if (error.code === 'ECONNRESET') resolve({ status: 0, warning: '', text: error.message });
        else reject(error);
      });
      sent.end(payload);
    });
  return send;
}
