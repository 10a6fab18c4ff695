import { checkProduced } from '../representation/check-accept.ts';
import { aggregatedFormOf, mediaTypes } from '../representation/negotiate.ts';
import { decodedPath } from '../request-info.ts';
import type { PathHandler } from '../request-pipeline.ts';
import type { ResourceRegistry } from '../resource-registry.ts';
import { notAllowed } from '../route.ts';
import type { Answer, ServerRequest } from '../server-request.ts';
import { aggregatedDiscovery } from './aggregated.ts';
import type { Discovered } from './discovered.ts';
import { aggregatedAnswer, aggregatedVersions, legacyAnswer } from './discovery-answer.ts';
import { apiGroup, apiGroupList, apiResourceList, apiVersions } from './legacy.ts';

/** `/api`, `/apis` and below, down to the lists of resources. */
export function discoveryPaths(registry: ResourceRegistry, serverAddress: () => string): PathHandler {
  return (segments, request) => {
    const [root, ...rest] = segments;
    if (root !== 'api' && root !== 'apis') return undefined;
    if (root === 'apis' && rest.length === 0 && request.path.length > '/apis/'.length) return undefined;
    const value = discovered(registry, root, rest, serverAddress);
    if (!value) return undefined;
    const { accept, method, path } = request;
    const [group = '', version] = root === 'api' ? ['', rest[0]] : rest;
    // The others are no routes with a method and types of their own, but handlers that negotiate.
    const routed = root === 'api' || (version !== undefined && registry.isBuiltIn(group, version));
    // A group's is two paths letter by letter; another slash leads to the routes.
    const isRest = rest.length === 1 && decodedPath(path).endsWith('//');
    if (method !== 'GET' && (routed || isRest)) throw notAllowed();
    if (routed) checkProduced(accept, mediaTypes);
    const form = rest.length === 0 ? aggregatedFormOf(accept, aggregatedVersions) : undefined;
    if (form)
      return aggregatedAnswer(aggregatedDiscovery(registry, root === 'api', form.version), form, request.signal);
    return legacyAnswer(value, request);
  };
}

function discovered(
  registry: ResourceRegistry,
  root: 'api' | 'apis',
  rest: readonly string[],
  serverAddress: () => string,
): Discovered | undefined {
  const [first, second, ...more] = rest;
  if (first === undefined) return root === 'api' ? apiVersions(registry, serverAddress()) : apiGroupList(registry);
  if (more.length > 0) return undefined;
  if (root === 'apis' && second === undefined)
    return registry.versionsOf(first).length > 0 && first !== '' ? apiGroup(registry, first) : undefined;
  const [group, version] = root === 'api' ? ['', first] : [first, second as string];
  if (root === 'api' && second !== undefined) return undefined;
  const definitions = registry.resourcesOf(group, version);
  return definitions && apiResourceList(registry, group === '' ? version : `${group}/${version}`, definitions);
}

/** In lines, for people, too (apiserver responsewriters WriteRawJSON). */
export function linesOfJson(value: object): DocumentAnswer {
  const headers = { 'content-type': 'application/json' };
  return { type: 'document', status: 200, body: Buffer.from(JSON.stringify(value, null, 2)), headers };
}

type DocumentAnswer = Extract<Answer, { type: 'document' }>;

export type { ServerRequest };
