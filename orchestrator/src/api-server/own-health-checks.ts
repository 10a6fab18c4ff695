import { abortable, type Clock, deadline } from '@berth/kit';
import type { Store } from '../store/store.ts';
import type { HealthCheck } from './health-paths.ts';
import type { ServerLimits } from './limits/server-limits.ts';
import type { ClusterComponent } from './subresources/component-statuses.ts';

/** kube-apiserver's --etcd-healthcheck-timeout. */
const storeTimeoutMs = 2_000;

/** What a server knows of itself, under upstream's names where it has such a part. */
export function ownHealthChecks(parts: {
  readonly store: Pick<Store, 'get' | 'check'>;
  readonly clock: Clock;
  readonly limits: ServerLimits;
  readonly isStarted: () => boolean;
  readonly isEnding: () => boolean;
  readonly withRoles: boolean;
}): readonly HealthCheck[] {
  const { store, clock, limits, isStarted, isEnding, withRoles } = parts;
  const reachable = withinTime(clock, () => store.get('/registry/health'));
  // Of a full disk the server stays alive, and serves reads; a restart would change nothing.
  const writable = store.check ? withinTime(clock, () => store.check?.()) : reachable;
  const started = () => {
    if (!isStarted()) throw new Error('not finished');
  };
  const configured = () => {
    if (limits.flowConfiguration === 'missing') throw new Error('not finished');
  };
  const running = () => {
    if (isEnding()) throw new Error('process is shutting down');
  };
  return [
    { name: 'ping', check: () => undefined },
    { name: 'log', check: () => undefined },
    { name: 'etcd', check: reachable },
    { name: 'etcd-readiness', only: 'readyz', check: writable },
    { name: 'informer-sync', only: 'readyz', check: started },
    { name: 'poststarthook/start-system-namespaces-controller', check: started },
    { name: 'poststarthook/start-kubernetes-service-cidr-controller', check: started },
    ...(withRoles ? [{ name: 'poststarthook/rbac/bootstrap-roles', check: started }] : []),
    { name: 'poststarthook/scheduling/bootstrap-system-priority-classes', check: started },
    { name: 'poststarthook/priority-and-fairness-config-producer', check: configured },
    { name: 'shutdown', only: 'readyz', check: running },
  ];
}

/** A store that is away may think long: who looks at the server's health does not, and asks it once at a time. */
function withinTime(clock: Clock, ask: () => Promise<unknown> | undefined): () => Promise<void> {
  let asked: Promise<unknown> | undefined;
  return async () => {
    asked ??= Promise.resolve(ask()).finally(() => {
      asked = undefined;
    });
    using end = deadline(clock, storeTimeoutMs);
    await abortable(asked, end.signal);
  };
}

/** The store is told of as the health checks tell of it. */
export function componentsOf(
  own: readonly HealthCheck[],
  others: readonly ClusterComponent[] = [],
): readonly ClusterComponent[] {
  return [
    ...others,
    ...own
      .filter(({ name }) => name === 'etcd')
      .map(({ check }) => ({ name: 'etcd-0', check, told: 'error' as const })),
  ];
}
