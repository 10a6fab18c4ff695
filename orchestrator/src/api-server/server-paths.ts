import { json } from './discovery/discovery-paths.ts';
import { versionInfo } from './discovery/version.ts';
import type { RequestMetrics } from './request-metrics.ts';
import type { PathHandler } from './request-pipeline.ts';

/** `/`, `/version` and `/metrics`. */
export function serverPaths(metrics: RequestMetrics): PathHandler {
  return ([root, ...rest]) => {
    if (rest.length > 0) return undefined;
    if (root === '')
      return json({
        paths: ['/api', '/apis', '/healthz', '/livez', '/metrics', '/openapi/v2', '/openapi/v3', '/readyz', '/version'],
      });
    if (root === 'version') return json(versionInfo);
    if (root !== 'metrics') return undefined;
    return { type: 'text', status: 200, text: metrics.text(), contentType: 'text/plain; version=0.0.4; charset=utf-8' };
  };
}
