import type { ResourceV1ResourceClaim as ResourceClaim } from '@berth/kube';
import { immutable } from '../metadata.ts';
import type { KindRules } from '../rules.ts';

/** Dynamic resource allocation: stored and shown; no driver acts on it yet. */
export const deviceRules: Readonly<Record<string, KindRules>> = {
  'resource.k8s.io/deviceclasses': { generation: { initial: true, of: ({ spec }) => spec } },
  'resource.k8s.io/devicetaintrules': { generation: { initial: true, of: ({ spec }) => spec } },
  'resource.k8s.io/resourceclaims': {
    cells: { State: (object) => claimState(object as ResourceClaim) },
    rules: { validateUpdate: (next, old) => immutable(next['spec'], old['spec'], 'spec') },
  },
  'resource.k8s.io/resourceclaimtemplates': {
    rules: { validateUpdate: (next, old) => immutable(next['spec'], old['spec'], 'spec') },
  },
  'resource.k8s.io/resourceslices': {
    generation: { initial: true, of: ({ spec }) => spec },
    cells: {
      Node: ({ spec }) => spec?.nodeName ?? '',
      Driver: ({ spec }) => spec?.driver ?? '',
      Pool: ({ spec }) => spec?.pool?.name ?? '',
    },
  },
};

function claimState({ metadata, status }: ResourceClaim): string {
  const deleted = metadata.deletionTimestamp !== undefined;
  const states = status?.allocation
    ? ['allocated', ...(status.reservedFor?.length ? ['reserved'] : [])]
    : deleted
      ? []
      : ['pending'];
  return [...(deleted ? ['deleted'] : []), ...states].join(',');
}
