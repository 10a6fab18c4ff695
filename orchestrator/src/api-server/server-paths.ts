import { linesOfJson } from './discovery/discovery-paths.ts';
import { versionInfo } from './discovery/version.ts';
import type { HealthCheck } from './health-paths.ts';
import type { HealthMetrics } from './metrics/health-metrics.ts';
import type { ServerMetrics } from './metrics/server-metrics.ts';
import { checkProduced } from './representation/check-accept.ts';
import { decodedPath } from './request-info.ts';
import type { PathHandler } from './request-pipeline.ts';
import type { ResourceRegistry } from './resource-registry.ts';
import { notAllowed } from './route.ts';
import type { Answer } from './server-request.ts';

const metricsType = 'text/plain; version=0.0.4; charset=utf-8; escaping=underscores';

/** `/`, `/version`, `/metrics` and `/metrics/slis`; but for the version letter by letter. `paths`: what `/` names. */
export function serverPaths(metrics: ServerMetrics, paths: () => readonly string[]): PathHandler {
  return async (segments, { path, accept, method }) => {
    if (segments.length === 1 && segments[0] === 'version') {
      if (method !== 'GET') throw notAllowed();
      checkProduced(accept, ['application/json']);
      return linesOfJson(versionInfo);
    }
    switch (decodedPath(path)) {
      case '/':
      case '/index.html':
        return linesOfJson({ paths: paths() });
      case '/metrics':
        return { type: 'text', status: 200, text: await metrics.text(), contentType: metricsType };
      case '/metrics/slis':
        return slis(metrics.health, method);
    }
  };
}

/** A DELETE begins anew (component-base HandlerWithReset). */
async function slis(health: HealthMetrics, method: string): Promise<Answer> {
  if (method !== 'DELETE') return { type: 'text', status: 200, text: await health.text(), contentType: metricsType };
  health.reset();
  return { type: 'text', status: 200, text: 'metrics reset\n' };
}

/** All that can be asked for without naming a resource. */
export function rootPaths(registry: ResourceRegistry, checks: readonly HealthCheck[]): readonly string[] {
  const groups = registry.groups
    .filter((group) => group !== '')
    .flatMap((group) => [
      `/apis/${group}`,
      ...registry.versionsOf(group).map((version) => `/apis/${group}/${version}`),
    ]);
  const health = ['healthz', 'livez', 'readyz'].flatMap((root) => [
    `/${root}`,
    ...checks.filter(({ only }) => only === undefined || only === root).map(({ name }) => `/${root}/${name}`),
  ]);
  const own = [
    '/.well-known/openid-configuration',
    '/api',
    '/api/v1',
    '/apis',
    '/apis/',
    '/flagz',
    '/metrics',
    '/metrics/slis',
    '/openapi/v2',
    '/openapi/v3',
    '/openapi/v3/',
    '/openid/v1/jwks',
    '/statusz',
    '/version',
  ];
  return [...own, ...groups, ...health].toSorted();
}
