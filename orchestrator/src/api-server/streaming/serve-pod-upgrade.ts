import { apiError } from '@berth/kube';
import { streamPath } from '../../kubelet/server/kubelet-request.ts';
import type { UpgradeContext } from '../create-api-server.ts';
import type { Upgrade } from '../http/listener.ts';
import { routeOf } from '../route.ts';
import { streamOf } from './stream-of.ts';

const streaming = new Set<string>(['exec', 'attach', 'portforward']);

/**
 * Serves exec, attach and port-forward of a pod: finds the pod and its kubelet, then hands the connection over. What the
 * kubelet has against it is its own answer, before any protocol changes, in words that clients know ("unable to upgrade connection: …").
 */
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
  const { upgradeKubelet } = await import('../../kubelet/server/upgrade-kubelet.ts');
  await upgradeKubelet({ message, socket, head }, { node, url: streamPath(target) }, request.signal);
}
