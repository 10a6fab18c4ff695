import type { NodeApi, NodeApiLookup, RemoteNodeApi } from '../../node-api.ts';
import { portsOf } from '../query-values.ts';
import type { ResourceRoute } from '../route.ts';
import type { ServerContext } from '../server-context.ts';
import type { ServerRequest } from '../server-request.ts';
import { containerOf, nodeOf } from '../subresources/pod-log.ts';
import { requireObject } from '../verbs/get-object.ts';
import { admitStream } from './admit-stream.ts';
import type { StreamingTarget } from './serve-upgrade.ts';

interface StreamServer {
  readonly context: ServerContext;
  readonly nodeApi: NodeApiLookup;
}

/** What of a pod a request for a stream is about, and the kubelet that has it. @throws ApiError – there is none, or it is not for this user. */
export async function streamOf(
  { context, nodeApi }: StreamServer,
  route: ResourceRoute,
  request: ServerRequest,
): Promise<{ readonly target: StreamingTarget; readonly node: NodeApi | RemoteNodeApi }> {
  const { query } = request;
  const subresource = route.subresource?.name as StreamingTarget['subresource'];
  if (subresource === 'portforward') portsOf(query);
  const { object: pod } = await requireObject(context, route);
  await admitStream(context, { route, request }, subresource);
  const container = subresource === 'portforward' ? '' : containerOf(pod, query.get('container') ?? '');
  const { namespace, name } = route;
  const target = { subresource, namespace, pod: name, uid: pod.metadata.uid ?? '', container, query };
  return { target, node: nodeOf(nodeApi, pod) };
}
