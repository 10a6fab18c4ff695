import { exactIntegers, messageOf } from '@berth/kit';
import { ApiError } from '@berth/kube';
import { healthPaths } from '../../../api-server/health-paths.ts';
import type { NodeApi, NodePage } from '../../../node-api.ts';
import type { NodeContext } from '../../node-context.ts';
import type { PodWorkers } from '../../pods/pod-workers.ts';
import { kubeletRequest } from '../kubelet-request.ts';

export interface KubeletPageParts {
  readonly node: NodeContext;
  readonly workers: PodWorkers;
  readonly logs: NodeApi['logs'];
}

type Page = (parts: KubeletPageParts, signal: AbortSignal) => Promise<NodePage>;

const untyped = { kind: undefined, apiVersion: undefined };

const pages: Readonly<Record<string, Page>> = {
  '/pods': async ({ workers }) => {
    // The kind is the list's.
    const items = podsOf(workers).map((pod) => ({ ...exactIntegers(pod), ...untyped }));
    return json({ kind: 'PodList', apiVersion: 'v1', metadata: {}, items });
  },
  '/configz': async ({ node }) => json({ kubeletconfig: configuration(node) }),
  '/stats/summary': async ({ node, workers }, signal) => {
    const { statsSummary } = await import('./stats-summary.ts');
    return json(await statsSummary(node, podsOf(workers), signal));
  },
  '/metrics': async ({ node, workers }, signal) => {
    const { kubeletMetrics } = await import('./kubelet-metrics.ts');
    const running = workers
      .list()
      .map(({ state }) => state.seen.containers.filter((one) => one.state === 'CONTAINER_RUNNING').length);
    const counts = {
      runningContainers: running.reduce((sum, each) => sum + each, 0),
      runningPods: running.filter((each) => each > 0).length,
    };
    const body = await kubeletMetrics(node, { pods: podsOf(workers), ...counts }, signal);
    return text(200, body, 'text/plain; version=0.0.4; charset=utf-8');
  },
};

/** kubelet's health checks; that this one answers is what they are about. */
const health = healthPaths(['ping', 'log', 'syncloop'].map((name) => ({ name, check: () => undefined })));

/** GET of one of kubelet's paths (pkg/kubelet/server/server.go), as far as this one has them. Never throws but for its signal. */
export async function kubeletPage(parts: KubeletPageParts, url: string, signal: AbortSignal): Promise<NodePage> {
  const [path = '', search = ''] = url.split('?', 2);
  try {
    const segments = path.slice(1).split('/');
    if (segments[0] === 'healthz') {
      const answer = await health(segments, { query: new URLSearchParams(search) });
      if (answer?.type === 'text') return text(answer.status, answer.text);
    }
    const asked = kubeletRequest(url);
    if (asked?.type === 'stream') return text(400, 'Upgrade request required');
    if (asked?.type === 'logs') {
      const chunks = await parts.logs(asked.target, asked.options, signal);
      return { status: 200, contentType: 'text/plain', chunks };
    }
    const name = path.replace(/(?<=.)\/$/, '');
    const page = Object.hasOwn(pages, name) ? pages[name] : undefined;
    return page ? await page(parts, signal) : text(404, '404 page not found\n');
  } catch (error) {
    signal.throwIfAborted();
    return text(error instanceof ApiError ? (error.status.code ?? 500) : 500, messageOf(error));
  }
}

function podsOf(workers: PodWorkers) {
  return workers.list().map(({ state }) => state.pod);
}

/** What of a KubeletConfiguration this kubelet goes by. */
function configuration({ options }: NodeContext): object {
  const { cgroupRoot, clusterDns, clusterDomain = 'cluster.local', dirs, kubeletPort, maxPods = 110 } = options;
  return {
    ...(kubeletPort === undefined ? {} : { port: kubeletPort }),
    ...(clusterDns?.length ? { clusterDNS: clusterDns } : {}),
    clusterDomain,
    cgroupRoot,
    maxPods,
    podLogsDir: dirs.logs,
    resolvConf: '/etc/resolv.conf',
  };
}

function json(value: unknown): NodePage {
  return text(200, JSON.stringify(value), 'application/json');
}

function text(status: number, body: string, contentType = 'text/plain; charset=utf-8'): NodePage {
  return { status, contentType, chunks: oneChunk(Buffer.from(body)) };
}

async function* oneChunk(chunk: Uint8Array): AsyncGenerator<Uint8Array> {
  yield chunk;
}
