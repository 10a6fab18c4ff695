import type { NodeApiLookup } from '../../node-api.ts';
import { serveApply } from '../apply/serve-apply.ts';
import type { Authentication } from '../authentication/authentication.ts';
import type { Authorization } from '../authorization/authorization.ts';
import type { SpecialHandler } from '../request-pipeline.ts';
import type { ResourceRoute } from '../route.ts';
import type { ServerContext } from '../server-context.ts';
import type { Answer, ServerRequest } from '../server-request.ts';
import type { TokenIssuer } from '../tokens/token-issuer.ts';
import { bindPod } from './binding.ts';
import type { ClusterComponent } from './component-statuses.ts';
import { evictPod } from './eviction.ts';
import { finalizeNamespace } from './namespace-finalize.ts';
import { podLog } from './pod-log.ts';
import type { ProxyParts } from './proxy/serve-proxy.ts';
import { resizePod } from './resize-pod.ts';
import { review } from './reviews.ts';
import { serveScale } from './scale.ts';
import { requestToken } from './service-account-token.ts';
import { upgradeRequired } from './upgrade-required.ts';

export interface SpecialParts {
  readonly nodeApi: NodeApiLookup;
  readonly authorization: Authorization;
  /** What `kubectl get componentstatuses` tells of. */
  readonly components: readonly ClusterComponent[];
  readonly tokens: TokenIssuer | undefined;
  /** Asked at a review: what it needs is read when the first listener begins. */
  readonly authentication: () => Promise<Authentication>;
}

/** Endpoints that are more than the generic verbs on a stored object, by resource and subresource. */
export function specialHandlers(parts: SpecialParts): readonly SpecialHandler[] {
  const stream = upgradeRequired(parts.nodeApi);
  const table: Readonly<Record<string, SpecialHandler>> = {
    '/componentstatuses': async (_context, route, request) => {
      const { componentStatuses } = await import('./component-statuses.ts');
      return componentStatuses(parts.components, route, request);
    },
    '/pods/binding': bindPod,
    '/bindings': bindPod,
    '/pods/eviction': evictPod,
    '/pods/log': podLog(parts.nodeApi),
    '/pods/exec': stream,
    '/pods/attach': stream,
    '/pods/portforward': stream,
    '/pods/resize': resizePod,
    '/namespaces/finalize': finalizeNamespace,
    '/serviceaccounts/token': requestToken(parts.tokens),
  };
  const reviews = review(parts);
  return [
    (context, route, request) => table[keyOf(route)]?.(context, route, request),
    (context, route, request) =>
      route.subresource?.name === 'proxy' ? proxy({ context, nodeApi: parts.nodeApi }, route, request) : undefined,
    (context, route, request) => (route.subresource?.name === 'scale' ? scale(context, route, request) : undefined),
    serveApply(parts.authorization.authorizer),
    (context, route, request) => reviews(context, route, request),
  ];
}

async function proxy(parts: ProxyParts, route: ResourceRoute, request: ServerRequest): Promise<Answer> {
  const { serveProxy } = await import('./proxy/serve-proxy.ts');
  return serveProxy(parts, route, request);
}

function scale(context: ServerContext, route: ResourceRoute, request: ServerRequest): Promise<Answer> {
  const fields = route.definition.custom?.scale;
  if (!fields) return serveScale(context, route, request);
  return import('../custom-resources/serving/custom-scale.ts').then(({ serveCustomScale }) =>
    serveCustomScale(context, route, request, fields),
  );
}

function keyOf({ definition, subresource }: ResourceRoute): string {
  const { group, plural } = definition;
  return subresource ? `${group}/${plural}/${subresource.name}` : `${group}/${plural}`;
}
