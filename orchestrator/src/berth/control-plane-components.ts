import type { Clock } from '@berth/kit';
import { type KubeClient, type Lease, resources } from '@berth/kube';
import type { ClusterComponent } from '../api-server/subresources/component-statuses.ts';

const lease = { namespace: 'kube-system', name: 'kube-controller-manager' };

/** Scheduler and controllers of this process, which start and end together. `isRunning` when all of them have seen the cluster. */
export function ownComponents(isRunning: () => boolean): readonly ClusterComponent[] {
  return componentsThat(() => {
    if (!isRunning()) throw new Error('starting');
  });
}

/** Scheduler and controllers where one process of several has them: that of the Lease. */
export function electedComponents(client: () => KubeClient, clock: Clock): readonly ClusterComponent[] {
  return componentsThat(async () => {
    const { items } = await client().list<Lease>(resources.leases, {
      namespace: lease.namespace,
      fieldSelector: `metadata.name=${lease.name}`,
    });
    const { holderIdentity = '', renewTime, leaseDurationSeconds = 0 } = items[0]?.spec ?? {};
    if (!holderIdentity || !renewTime || Date.parse(renewTime) + leaseDurationSeconds * 1000 < clock.now())
      throw new Error(`no process holds the Lease ${lease.namespace}/${lease.name}`);
  });
}

function componentsThat(check: ClusterComponent['check']): readonly ClusterComponent[] {
  return ['controller-manager', 'scheduler'].map((name) => ({ name, check, told: 'message' }));
}
