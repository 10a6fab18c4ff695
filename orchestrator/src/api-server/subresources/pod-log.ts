import type { Container, PodSpec } from '@berth/kube';
import { apiError } from '@berth/kube';
import type { NodeApi, NodeApiLookup, RemoteNodeApi } from '../../node-api.ts';
import { invalid } from '../invalid.ts';
import type { SpecialHandler } from '../request-pipeline.ts';
import type { AnyObject } from '../resource-definition.ts';
import { requireObject } from '../verbs/get-object.ts';
import { logOptionErrors, logOptionsOf } from './log-options.ts';

/** GET of a container's log, from the kubelet of its node. */
export function podLog(nodeApi: NodeApiLookup): SpecialHandler {
  return async (context, route, request) => {
    const { query, signal } = request;
    const options = logOptionsOf(query);
    const errors = logOptionErrors(options, query);
    if (errors.length > 0) throw invalid({ group: '', kind: 'PodLogOptions' }, route.name, errors);
    const { object: pod } = await requireObject(context, route);
    const container = containerOf(pod, query.get('container') ?? '');
    // Nothing has run yet, so that there is nothing to read, which is no mistake (registry/core/pod/rest LogREST).
    if (!pod.spec?.nodeName) return { type: 'text', status: 204, text: '' };
    const node = nodeOf(nodeApi, pod);
    const target = { namespace: route.namespace, pod: route.name, container };
    const chunks = await node.logs(target, options, signal);
    return { type: 'stream', contentType: 'text/plain', chunks };
  };
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
