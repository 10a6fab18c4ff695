import { messageOf } from '@berth/kit';
import { apiError } from '@berth/kube';
import { wantedStreams } from '../../../api-server/streaming/wanted-streams.ts';
import { logOptionErrors, logOptionsOf } from '../../../api-server/subresources/log-options.ts';
import type { ContainerRef, LogOptions, StreamTarget } from '../../../node-api.ts';
import { findContainer } from '../../pods/pod-facts.ts';
import { latestContainer, readRuntimePod } from '../../pods/runtime-pod.ts';
import type { KubeletPageParts } from './kubelet-page.ts';

/** An answer that is only words. */
interface Words {
  readonly status: number;
  readonly body: string | Uint8Array;
  readonly contentType?: string;
}

/** A container's log (getContainerLogs). */
export async function logsPage(
  { workers, logs }: KubeletPageParts,
  { target, query }: { readonly target: ContainerRef; readonly query: URLSearchParams },
  signal: AbortSignal,
): Promise<Words | { readonly chunks: AsyncIterable<Uint8Array> }> {
  const tail = query.get('tail') ?? '';
  // As it was called once.
  if (tail === 'all') query.delete('tailLines');
  else if (tail !== '') query.set('tailLines', tail);
  const options = optionsOf(query);
  if (!options) return { status: 400, body: '{"message": "Unable to decode query."}' };
  if (logOptionErrors(options, query).length > 0) return { status: 422, body: '{"message": "Invalid request."}' };
  const [pod, container] = [target.pod, target.container].map((name) => JSON.stringify(name));
  const worker = workers.findByName(target.namespace, target.pod);
  if (!worker) return { status: 404, body: `pod ${pod} does not exist` };
  if (!findContainer(worker.state.pod, target.container))
    return { status: 404, body: `container ${container} not found in pod ${pod}` };
  try {
    return { chunks: await logs(target, options, signal) };
  } catch (error) {
    signal.throwIfAborted();
    return { status: 400, body: messageOf(error) };
  }
}

function optionsOf(query: URLSearchParams): LogOptions | undefined {
  try {
    return logOptionsOf(query);
  } catch {
    return undefined;
  }
}

/** POST of /run: a command's output, first what it wrote for all, then what for errors (getRun). @throws ApiError – no such pod. */
export async function runPage(
  parts: KubeletPageParts,
  { target, command }: { readonly target: ContainerRef; readonly command: readonly string[] },
  signal: AbortSignal,
): Promise<Words> {
  const { runtime } = parts.node.options.runtime;
  const { container } = await runningContainer(parts, target, signal);
  if (!container) return { status: 500, body: notFound(target) };
  try {
    const answer = await runtime.ExecSync({ containerId: container.id, cmd: command, timeout: '0' }, { signal });
    const { exitCode, stdout, stderr } = answer;
    if (exitCode !== 0)
      return { status: 500, body: `command '${command.join(' ')}' exited with ${exitCode}: ${stderr.toString()}` };
    // Though it need be none.
    return { status: 200, body: Buffer.concat([stdout, stderr]), contentType: 'application/json' };
  } catch (error) {
    signal.throwIfAborted();
    return { status: 500, body: messageOf(error) };
  }
}

/** What is to be said of exec, attach or portForward before anybody changes protocols; undefined: nothing. @throws ApiError. */
export async function streamRefusal(
  parts: KubeletPageParts,
  { subresource, uid, query, ...target }: StreamTarget,
  signal: AbortSignal,
): Promise<Words | undefined> {
  if (subresource !== 'portforward') wantedStreams(query);
  const { pod, seen, container } = await runningContainer(parts, target, signal);
  if (subresource === 'portforward') {
    if (uid !== '' && uid !== pod.metadata.uid) throw apiError('NotFound', 'pod not found');
    if (seen.sandboxes.some(({ ready }) => ready)) return undefined;
    return { status: 500, body: `pod not found (${JSON.stringify(fullName(target))})` };
  }
  if (container) return undefined;
  const isExec = subresource === 'exec';
  const words = isExec ? notFound(target) : `container ${target.container} not found in pod ${fullName(target)}`;
  return { status: 500, body: words };
}

/** The pod by its name: a uid is looked at by none but portForward (findContainer of kubelet_pods.go). @throws ApiError NotFound. */
async function runningContainer({ node, workers }: KubeletPageParts, target: ContainerRef, signal: AbortSignal) {
  const worker = workers.findByName(target.namespace, target.pod);
  if (!worker) throw apiError('NotFound', 'pod does not exist');
  const { pod, uid } = worker.state;
  const seen = await readRuntimePod(node.options.runtime, uid, signal);
  const found = latestContainer(seen, target.container);
  return { pod, seen, container: found?.state === 'CONTAINER_RUNNING' ? found : undefined };
}

function notFound({ container }: ContainerRef): string {
  return `container not found (${JSON.stringify(container)})`;
}

function fullName({ pod, namespace }: ContainerRef): string {
  return `${pod}_${namespace}`;
}
