import type { CSIStorageCapacity } from '@berth/kube';
import { invalid } from '../field.ts';
import { fixedSelector, validateLabelSelector } from '../label-selector.ts';
import { immutable, nonNegativeQuantity } from '../metadata.ts';
import { dns1123Subdomain } from '../names.ts';
import type { KindRules } from '../rules.ts';

export const csiStorageCapacityRules: KindRules = {
  rules: {
    validate: (object) => {
      const { nodeTopology, storageClassName = '', capacity } = object as CSIStorageCapacity;
      return [
        ...validateLabelSelector(nodeTopology, 'nodeTopology'),
        ...dns1123Subdomain(storageClassName).map((text) => invalid('storageClassName', storageClassName, text)),
        ...(capacity === undefined ? [] : nonNegativeQuantity(capacity, 'capacity')),
      ];
    },
    validateUpdate: (next, old) => [
      ...fixedSelector(next['nodeTopology'], old['nodeTopology'], 'nodeTopology'),
      ...immutable(next['storageClassName'], old['storageClassName'], 'storageClassName'),
    ],
  },
};
