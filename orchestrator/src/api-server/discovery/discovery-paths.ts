import { createHash } from 'node:crypto';
import { apiError } from '@berth/kube';
import { acceptedAs } from '../representation/negotiate.ts';
import type { PathHandler } from '../request-pipeline.ts';
import type { ResourceRegistry } from '../resource-registry.ts';
import type { Answer, ServerRequest } from '../server-request.ts';
import { aggregatedDiscovery } from './aggregated.ts';
import { apiGroup, apiGroupList, apiResourceList, apiVersions } from './legacy.ts';

const offered = ['apidiscovery.k8s.io/v2', 'apidiscovery.k8s.io/v2beta1'];

/** `/api`, `/apis` and below, down to the lists of resources. */
export function discoveryPaths(registry: ResourceRegistry, serverAddress: () => string): PathHandler {
  return (segments, request) => {
    const [root, ...rest] = segments;
    if (root !== 'api' && root !== 'apis') return undefined;
    const value = discovered(registry, root, rest, serverAddress);
    if (value && request.method !== 'GET' && request.method !== 'HEAD')
      throw apiError('MethodNotAllowed', 'the server does not allow this method on the requested resource', {
        details: {},
      });
    if (rest.length > 0 || !value) return value && json(value);
    const as = acceptedAs(request.accept, 'APIGroupDiscoveryList', offered);
    return as === undefined ? { ...json(value) } : aggregated(registry, root, as);
  };
}

function discovered(
  registry: ResourceRegistry,
  root: 'api' | 'apis',
  rest: readonly string[],
  serverAddress: () => string,
): object | undefined {
  const [first, second, ...more] = rest;
  if (first === undefined) return root === 'api' ? apiVersions(registry, serverAddress()) : apiGroupList(registry);
  if (more.length > 0) return undefined;
  if (root === 'apis' && second === undefined)
    return registry.versionsOf(first).length > 0 && first !== '' ? apiGroup(registry, first) : undefined;
  const [group, version] = root === 'api' ? ['', first] : [first, second as string];
  if (root === 'api' && second !== undefined) return undefined;
  const definitions = registry.resourcesOf(group, version);
  return definitions && apiResourceList(group === '' ? version : `${group}/${version}`, definitions);
}

function aggregated(registry: ResourceRegistry, root: 'api' | 'apis', as: string): Answer {
  const version = as.split('/')[1] as string;
  const type = `application/json;g=apidiscovery.k8s.io;v=${version};as=APIGroupDiscoveryList`;
  const answer = json(aggregatedDiscovery(registry, root === 'api', version), type);
  const etag = `"${createHash('sha512').update(answer.body).digest('hex').toUpperCase()}"`;
  return { ...answer, headers: { ...answer.headers, etag, 'cache-control': 'public' } };
}

export function json(value: object, contentType = 'application/json'): DocumentAnswer {
  const headers = { 'content-type': contentType, vary: 'Accept' };
  return { type: 'document', status: 200, body: Buffer.from(JSON.stringify(value)), headers };
}

type DocumentAnswer = Extract<Answer, { type: 'document' }>;

export type { ServerRequest };
