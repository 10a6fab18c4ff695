import { apiError } from '@berth/kube';
import type { UpgradeContext } from '../create-api-server.ts';
import type { Upgrade } from '../http/listener.ts';
import { routeOf } from '../route.ts';
import { containerOf, nodeOf } from '../subresources/pod-log.ts';
import { requireObject } from '../verbs/get-object.ts';
import { type StreamingTarget, serveUpgrade } from './serve-upgrade.ts';

const subresources: readonly string[] = ['exec', 'attach', 'portforward'];

/**
 * Serves a request that upgrades its connection: authorizes it, finds its pod and that pod's kubelet, and connects them.
 * @throws ApiError – before anything was written
 */
export async function servePodStreams(upgrade: Upgrade, server: UpgradeContext): Promise<void> {
  const { message, socket, head, request } = upgrade;
  const { method, path, query, signal } = request;
  const { context, pipeline, nodeApi } = server;
  const route = routeOf(context.registry, method, path, query);
  await pipeline.authorize(route, request);
  const subresource = route.type === 'resource' ? route.subresource?.name : undefined;
  if (route.type !== 'resource' || route.definition.plural !== 'pods' || !subresources.includes(subresource ?? '')) {
    throw apiError('BadRequest', 'only exec, attach and portforward of pods upgrade their connection');
  }
  const { object: pod } = await requireObject(context, route);
  const target: StreamingTarget = {
    subresource: subresource as StreamingTarget['subresource'],
    namespace: route.namespace,
    pod: route.name,
    uid: pod.metadata.uid ?? '',
    container: subresource === 'portforward' ? '' : containerOf(pod, query.get('container') ?? ''),
    query,
  };
  const node = nodeOf(nodeApi, pod);
  await serveUpgrade({ request: message, socket, head, target, node, clock: context.clock, signal });
}
