import type { RequestMetrics } from '../request-metrics.ts';
import type { ResourceRegistry } from '../resource-registry.ts';
import { routeOf } from '../route.ts';
import type { ServerRequest } from '../server-request.ts';

/** Counts a finished request by what it was about. */
export function observer(registry: ResourceRegistry, metrics: RequestMetrics) {
  return ({ method, path, query }: ServerRequest, code: number, seconds: number): void => {
    const labels = labelsOf(registry, method, path, query);
    metrics.observe({ ...labels, code }, seconds);
  };
}

function labelsOf(registry: ResourceRegistry, method: string, path: string, query: URLSearchParams) {
  const none = { verb: method, group: '', version: '', resource: '' };
  try {
    const route = routeOf(registry, method, path, query);
    if (route.type === 'other') return none;
    const { definition, verb } = route;
    return {
      verb: verb.toUpperCase(),
      group: definition.group,
      version: definition.version,
      resource: definition.plural,
    };
  } catch {
    return none;
  }
}
