import { apiError } from '@berth/kube';
import type { UpgradeContext } from '../create-api-server.ts';
import type { Upgrade } from '../http/listener.ts';
import { portsOf } from '../query-values.ts';
import { routeOf } from '../route.ts';
import { containerOf, nodeOf } from '../subresources/pod-log.ts';
import { requireObject } from '../verbs/get-object.ts';
import { admitStream } from './admit-stream.ts';
import { type StreamingTarget, serveUpgrade } from './serve-upgrade.ts';

const streaming = new Set<string>(['exec', 'attach', 'portforward']);

/** Serves exec, attach and port-forward of a pod: finds the pod and its kubelet, then hands the connection over. */
export async function servePodUpgrade(
  { message, socket, head, request }: Upgrade,
  server: UpgradeContext,
): Promise<void> {
  const route = routeOf(server.context.registry, request.method, request.path, request.query);
  const subresource =
    route.type === 'resource' && route.definition.plural === 'pods' ? route.subresource?.name : undefined;
  if (route.type !== 'resource' || !subresource || !streaming.has(subresource))
    throw apiError('NotFound', 'the server could not find the requested resource');
  if (subresource === 'portforward') portsOf(request.query);
  const { object: pod } = await requireObject(server.context, route);
  await admitStream(server.context, { route, request }, subresource as StreamingTarget['subresource']);
  const container = subresource === 'portforward' ? '' : containerOf(pod, request.query.get('container') ?? '');
  const target: StreamingTarget = {
    subresource: subresource as StreamingTarget['subresource'],
    namespace: route.namespace,
    pod: route.name,
    uid: pod.metadata.uid ?? '',
    container,
    query: request.query,
  };
  const node = nodeOf(server.nodeApi, pod);
  const { signal } = request;
  if ('passOn' in node) return await node.passOn({ message, socket, head }, target, signal);
  await serveUpgrade({ request: message, socket, head, target, node, signal });
}
