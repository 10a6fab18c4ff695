import type { Container, PodSpec } from '@berth/kube';
import { apiError } from '@berth/kube';
import type { LogOptions, NodeApi, NodeApiLookup, RemoteNodeApi } from '../../node-api.ts';
import { booleanOf, integerOf } from '../query-values.ts';
import type { SpecialHandler } from '../request-pipeline.ts';
import type { AnyObject } from '../resource-definition.ts';
import { requireObject } from '../verbs/get-object.ts';

/** GET of a container's log, from the kubelet of its node. */
export function podLog(nodeApi: NodeApiLookup): SpecialHandler {
  return async (context, route, request) => {
    const { query, signal } = request;
    const { object: pod } = await requireObject(context, route);
    const container = containerOf(pod, query.get('container') ?? '');
    // Nothing has run yet, so that there is nothing to read, which is no mistake (registry/core/pod/rest LogREST).
    if (!pod.spec?.nodeName) return { type: 'text', status: 204, text: '' };
    const node = nodeOf(nodeApi, pod);
    const target = { namespace: route.namespace, pod: route.name, container };
    const chunks = await node.logs(target, logOptionsOf(query), signal);
    return { type: 'stream', contentType: 'text/plain', chunks };
  };
}

function logOptionsOf(query: URLSearchParams): LogOptions {
  const flag = (name: string) => booleanOf(query, name) ?? false;
  const options = {
    follow: flag('follow'),
    previous: flag('previous'),
    timestamps: flag('timestamps'),
    tailLines: integerOf(query, 'tailLines'),
    limitBytes: integerOf(query, 'limitBytes'),
    sinceSeconds: integerOf(query, 'sinceSeconds'),
    sinceTime: query.get('sinceTime') ?? undefined,
  };
  if ((options.tailLines ?? 0) < 0) throw apiError('BadRequest', 'tailLines: must be greater than or equal to 0');
  if (options.sinceTime !== undefined && Number.isNaN(Date.parse(options.sinceTime)))
    throw apiError('BadRequest', `sinceTime: ${JSON.stringify(options.sinceTime)} is not a time`);
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined)) as LogOptions;
}

/** The container asked for, or the only one. @throws ApiError BadRequest – in upstream's words. */
export function containerOf(pod: AnyObject, asked: string): string {
  const { containers = [], initContainers = [], ephemeralContainers = [] } = pod.spec as PodSpec;
  const { name } = pod.metadata;
  const names = (list: readonly Pick<Container, 'name'>[]) => `[${list.map((each) => each.name).join(' ')}]`;
  if (asked === '') {
    const annotated = pod.metadata.annotations?.['kubectl.kubernetes.io/default-container'];
    const chosen = containers.find((each) => each.name === annotated);
    if (chosen) return chosen.name;
    if (containers.length === 1) return (containers[0] as Container).name;
    const init = initContainers.length > 0 ? ` or one of the init containers: ${names(initContainers)}` : '';
    throw apiError(
      'BadRequest',
      `a container name must be specified for pod ${name}, choose one of: ${names(containers)}${init}`,
    );
  }
  const all = [...containers, ...initContainers, ...ephemeralContainers];
  if (!all.some((each) => each.name === asked))
    throw apiError('BadRequest', `container ${asked} is not valid for pod ${name}`);
  return asked;
}

/** The kubelet a pod is with. @throws ApiError BadRequest, ServiceUnavailable. */
export function nodeOf(nodeApi: NodeApiLookup, pod: AnyObject): NodeApi | RemoteNodeApi {
  const { nodeName } = pod.spec as PodSpec;
  if (!nodeName) throw apiError('BadRequest', `pod ${pod.metadata.name} does not have a host assigned`);
  const node = nodeApi(nodeName);
  if (!node) throw apiError('ServiceUnavailable', `the kubelet of node ${JSON.stringify(nodeName)} is not connected`);
  return node;
}
