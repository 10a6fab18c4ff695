import { apiError } from '@berth/kube';
import type { UpgradeContext } from '../create-api-server.ts';
import type { Upgrade } from '../http/listener.ts';
import { routeOf } from '../route.ts';
import { serveUpgrade } from './serve-upgrade.ts';
import { streamOf } from './stream-of.ts';

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
  const { target, node } = await streamOf(server, route, request);
  const { signal } = request;
  if ('passOn' in node) return await node.passOn({ message, socket, head }, target, signal);
  await serveUpgrade({ request: message, socket, head, target, node, signal });
}
