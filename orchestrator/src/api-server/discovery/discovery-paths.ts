import { createHash } from 'node:crypto';
import { writeYaml } from '../decoding/yaml-text.ts';
import { checkProduced } from '../representation/check-accept.ts';
import { acceptedAs, mediaTypes, notAcceptable, plainFormatOf } from '../representation/negotiate.ts';
import type { PathHandler } from '../request-pipeline.ts';
import type { ResourceRegistry } from '../resource-registry.ts';
import { notAllowed } from '../route.ts';
import type { Answer, ServerRequest } from '../server-request.ts';
import { aggregatedDiscovery } from './aggregated.ts';
import { apiGroup, apiGroupList, apiResourceList, apiVersions } from './legacy.ts';

const offered = ['apidiscovery.k8s.io/v2', 'apidiscovery.k8s.io/v2beta1'];

/** `/api`, `/apis` and below, down to the lists of resources. */
export function discoveryPaths(registry: ResourceRegistry, serverAddress: () => string): PathHandler {
  return (segments, request) => {
    const [root, ...rest] = segments;
    if (root !== 'api' && root !== 'apis') return undefined;
    if (root === 'apis' && rest.length === 0 && request.path.length > '/apis/'.length) return undefined;
    const value = discovered(registry, root, rest, serverAddress);
    if (!value) return undefined;
    const { accept, method } = request;
    const [group = '', version] = root === 'api' ? ['', rest[0]] : rest;
    // The others are no routes with a method and types of their own, but handlers that negotiate.
    const routed = root === 'api' || (version !== undefined && registry.isBuiltIn(group, version));
    if (method !== 'GET' && routed) throw notAllowed();
    if (routed) checkProduced(accept, mediaTypes);
    const as = rest.length === 0 ? acceptedAs(accept, 'APIGroupDiscoveryList', offered) : undefined;
    if (as !== undefined) return aggregated(registry, root, as);
    const format = plainFormatOf(accept);
    if (format === undefined) throw notAcceptable(mediaTypes.join(', '));
    return format === 'yaml' ? yaml(value, request.signal) : json(value);
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
  return { ...answer, headers: { ...answer.headers, etag, vary: 'Accept', 'cache-control': 'public' } };
}

export function json(value: object, contentType = 'application/json'): DocumentAnswer {
  const headers = { 'content-type': contentType };
  return { type: 'document', status: 200, body: Buffer.from(JSON.stringify(value)), headers };
}

async function yaml(value: object, signal: AbortSignal): Promise<DocumentAnswer> {
  const headers = { 'content-type': 'application/yaml' };
  const body = Buffer.from(await writeYaml(JSON.stringify(value), signal));
  return { type: 'document', status: 200, body, headers };
}

type DocumentAnswer = Extract<Answer, { type: 'document' }>;

export type { ServerRequest };
