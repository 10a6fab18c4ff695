import { abortable, type Clock, deadline } from '@berth/kit';
import type { Store } from '../store/store.ts';
import type { HealthCheck } from './health-paths.ts';
import type { ServerLimits } from './limits/server-limits.ts';
import type { ClusterComponent } from './subresources/component-statuses.ts';

/** How long the store may take to show that it is well: kube-apiserver's --etcd-healthcheck-timeout and --etcd-readycheck-timeout. */
export interface StoreCheckTimes {
  readonly healthMs: number;
  readonly readyMs: number;
}

export const defaultStoreCheckMs = 2_000;

/** What a server knows of itself, under upstream's names where it has such a part. */
export function ownHealthChecks(parts: {
  readonly store: Pick<Store, 'get' | 'check'>;
  readonly clock: Clock;
  readonly times: StoreCheckTimes | undefined;
  readonly limits: ServerLimits;
  readonly isStarted: () => boolean;
  readonly isEnding: () => boolean;
  readonly withRoles: boolean;
}): readonly HealthCheck[] {
  const { store, clock, times, limits, isStarted, isEnding, withRoles } = parts;
  const { healthMs, readyMs } = times ?? { healthMs: defaultStoreCheckMs, readyMs: defaultStoreCheckMs };
  const reach = onceAtATime(() => store.get('/registry/health'));
  // Of a full disk the server stays alive, and serves reads; a restart would change nothing.
  const writable = withinTime({ clock, ms: readyMs }, store.check ? onceAtATime(() => store.check?.()) : reach);
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
    { name: 'etcd', check: withinTime({ clock, ms: healthMs }, reach) },
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

function onceAtATime(ask: () => Promise<unknown> | undefined): () => Promise<unknown> {
  let asked: Promise<unknown> | undefined;
  return () => {
    asked ??= Promise.resolve(ask()).finally(() => {
      asked = undefined;
    });
    return asked;
  };
}

/** A store that is away may think long: who looks at the server's health does not. */
function withinTime({ clock, ms }: { readonly clock: Clock; readonly ms: number }, ask: () => Promise<unknown>) {
  return async (): Promise<void> => {
    using end = deadline(clock, ms);
    await abortable(ask(), end.signal);
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
