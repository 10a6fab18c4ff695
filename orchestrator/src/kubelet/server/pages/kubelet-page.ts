import { exactIntegers, messageOf, ownMember } from '@berth/kit';
import { ApiError } from '@berth/kube';
import { healthPaths } from '../../../api-server/health-paths.ts';
import type { CpuRate } from '../../../cpu-rate.ts';
import type { NodeApi, NodePage } from '../../../node-api.ts';
import type { NodeContext } from '../../node-context.ts';
import type { PodWorkers } from '../../pods/pod-workers.ts';
import { kubeletRequest } from '../kubelet-request.ts';

export interface KubeletPageParts {
  readonly node: NodeContext;
  readonly workers: PodWorkers;
  readonly logs: NodeApi['logs'];
  /** Of the node. */
  readonly rates: CpuRate;
}

interface Asked {
  readonly query: URLSearchParams;
  readonly signal: AbortSignal;
}

type Page = (parts: KubeletPageParts, asked: Asked) => Promise<NodePage>;

const untyped = { kind: undefined, apiVersion: undefined };

const pages: Readonly<Record<string, Page>> = {
  '/pods': async ({ workers }) => {
    // The kind is the list's.
    const items = podsOf(workers).map((pod) => ({ ...exactIntegers(pod), ...untyped }));
    return json({ kind: 'PodList', apiVersion: 'v1', metadata: {}, items });
  },
  '/runningpods': async ({ node }, { signal }) => {
    const { podList, runningPods } = await import('./running-pods.ts');
    return json(podList(await runningPods(node.options.runtime, signal)));
  },
  '/configz': async ({ node }) => json({ kubeletconfig: configuration(node) }),
  '/stats/summary': async (parts, { query, signal }) => {
    const { statsSummary, usageSummary } = await import('./stats-summary.ts');
    const asked = query.getAll('only_cpu_and_memory');
    const summary = asked.length === 1 && asked[0] === 'true' ? usageSummary : statsSummary;
    return json(await summary(parts, signal));
  },
  '/metrics': async ({ node, workers }, { signal }) => {
    const { kubeletMetrics } = await import('./kubelet-metrics.ts');
    const running = workers
      .list()
      .map(({ state }) => state.seen.containers.filter((one) => one.state === 'CONTAINER_RUNNING').length);
    const counts = {
      runningContainers: running.reduce((sum, each) => sum + each, 0),
      runningPods: running.filter((each) => each > 0).length,
    };
    return metrics(await kubeletMetrics(node, { pods: podsOf(workers), ...counts }, signal));
  },
  '/metrics/cadvisor': async (parts, { signal }) => {
    const { cadvisorMetrics } = await import('./cadvisor-metrics.ts');
    return metrics(await cadvisorMetrics(parts, signal));
  },
  '/metrics/probes': async ({ workers }) => {
    const { probeMetrics } = await import('./probe-metrics.ts');
    return metrics(await probeMetrics(workers));
  },
  '/metrics/resource': async (parts, { signal }) => {
    const { resourceMetrics } = await import('./resource-metrics.ts');
    return metrics(await resourceMetrics(parts, signal));
  },
};

/**
 * What a KubeletConfiguration turns off, and how kubelet says so. Logs are the whole machine's, which is its user's and no
 * node's alone; the process is the API server's, which has profiles and a log level of its own.
 */
const turnedOff = { enableSystemLogHandler: false, enableProfilingHandler: false, enableDebugFlagsHandler: false };
const disabled = [
  [/^\/logs(?:\/|$)/, 'logs'],
  [/^\/debug\/pprof\//, 'profiling'],
  [/^\/debug\/flags\/v$/, 'flags'],
] as const;

/** kubelet's health checks; that this one answers is what they are about. */
const health = healthPaths(['ping', 'log', 'syncloop'].map((name) => ({ name, check: () => undefined })));

export interface PageRequest {
  readonly method: string;
  readonly url: string;
}

/** One of kubelet's paths (pkg/kubelet/server/server.go), as far as this one has them. Never throws but for its signal. */
export async function kubeletPage(
  parts: KubeletPageParts,
  request: PageRequest,
  signal: AbortSignal,
): Promise<NodePage> {
  try {
    return (await containerPage(parts, request, signal)) ?? (await ownPage(parts, request, signal));
  } catch (error) {
    signal.throwIfAborted();
    return text(error instanceof ApiError ? (error.status.code ?? 500) : 500, messageOf(error));
  }
}

/** Undefined: it names no container. */
async function containerPage(
  parts: KubeletPageParts,
  { method, url }: PageRequest,
  signal: AbortSignal,
): Promise<NodePage | undefined> {
  const asked = kubeletRequest(url);
  if (!asked) return undefined;
  const isGet = isRead(method);
  const allowed = { logs: isGet, run: method === 'POST', stream: isGet || method === 'POST' };
  if (!allowed[asked.type]) return notAllowed();
  const { logsPage, runPage, streamRefusal } = await import('./container-page.ts');
  if (asked.type === 'logs') {
    const answer = await logsPage(parts, asked, signal);
    if ('chunks' in answer) return { status: 200, contentType: 'text/plain', chunks: answer.chunks };
    return text(answer.status, answer.body);
  }
  const words =
    asked.type === 'run' ? await runPage(parts, asked, signal) : await streamRefusal(parts, asked.target, signal);
  if (words) return text(words.status, words.body, words.contentType);
  return { ...text(500, 'Upgrade request required\n'), isStream: true };
}

async function ownPage(parts: KubeletPageParts, { method, url }: PageRequest, signal: AbortSignal): Promise<NodePage> {
  const [path = '', search = ''] = url.split('?', 2);
  const query = new URLSearchParams(search);
  const segments = path.slice(1).split('/');
  if (segments[0] === 'healthz' && isRead(method)) {
    const answer = await health(segments, { query });
    if (answer?.type === 'text') return text(answer.status, answer.text);
  }
  const off = disabled.find(([pattern]) => pattern.test(path));
  if (off) return text(405, `${off[1]} endpoint is disabled.\n`);
  const name = path.replace(/(?<=.)\/$/, '');
  const page = ownMember(pages, name);
  if (!page) return text(404, '404 page not found\n');
  return isRead(method) ? await page(parts, { query, signal }) : notAllowed();
}

function isRead(method: string): boolean {
  return method === 'GET' || method === 'HEAD';
}

function notAllowed(): NodePage {
  return text(405, '405: Method Not Allowed');
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
    ...turnedOff,
    podLogsDir: dirs.logs,
    resolvConf: '/etc/resolv.conf',
  };
}

function json(value: unknown): NodePage {
  return text(200, JSON.stringify(value), 'application/json');
}

function metrics(body: string): NodePage {
  return text(200, body, 'text/plain; version=0.0.4; charset=utf-8');
}

function text(status: number, body: string | Uint8Array, contentType = 'text/plain; charset=utf-8'): NodePage {
  return { status, contentType, chunks: oneChunk(Buffer.from(body)) };
}

async function* oneChunk(chunk: Uint8Array): AsyncGenerator<Uint8Array> {
  yield chunk;
}
