import type { Lease, LeaseCandidate } from '@berth/kube';
import { forbidden, invalid, required } from '../field.ts';
import { immutable } from '../metadata.ts';
import type { KindRules } from '../rules.ts';

export const leaseRules: KindRules = {
  cells: { Holder: ({ spec }) => spec?.holderIdentity ?? '' },
  rules: {
    validate: (object) => {
      const {
        leaseDurationSeconds: seconds,
        leaseTransitions: count,
        preferredHolder,
        strategy,
      } = (object as Lease).spec ?? {};
      return [
        ...(seconds !== undefined && seconds <= 0
          ? [invalid('spec.leaseDurationSeconds', seconds, 'must be greater than 0')]
          : []),
        ...(count !== undefined && count < 0
          ? [invalid('spec.leaseTransitions', count, 'must be greater than or equal to 0')]
          : []),
        ...(preferredHolder && !strategy
          ? [forbidden('spec.preferredHolder', 'may only be specified if `strategy` is defined')]
          : []),
      ];
    },
  },
};

export const leaseCandidateRules: KindRules = {
  rules: {
    nameRule: 'pathSegment',
    validate: (object) => {
      const spec = (object as LeaseCandidate).spec;
      const missing = (['leaseName', 'binaryVersion', 'strategy'] as const).filter((name) => !spec?.[name]);
      return missing.map((name) => required(`spec.${name}`));
    },
    validateUpdate: (next, old) => immutable(next['spec']?.leaseName, old['spec']?.leaseName, 'spec.leaseName'),
    selectableFields: { 'spec.leaseName': ({ spec }) => spec?.leaseName ?? '' },
  },
};
