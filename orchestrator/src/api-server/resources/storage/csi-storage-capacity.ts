import type { CSIStorageCapacity } from '@berth/kube';
import { invalid } from '../field.ts';
import { fixedSelector, validateLabelSelector } from '../label-selector.ts';
import { immutable } from '../metadata.ts';
import { dns1123Subdomain } from '../names.ts';
import { canonicalQuantity, compareQuantities } from '../quantity.ts';
import type { KindRules } from '../rules.ts';

export const csiStorageCapacityRules: KindRules = {
  rules: {
    validate: (object) => {
      const { nodeTopology, storageClassName = '', capacity } = object as CSIStorageCapacity;
      return [
        ...validateLabelSelector(nodeTopology, 'nodeTopology'),
        ...dns1123Subdomain(storageClassName).map((text) => invalid('storageClassName', storageClassName, text)),
        ...(capacity !== undefined && compareQuantities(capacity, 0) < 0
          ? [invalid('capacity', canonicalQuantity(capacity), 'must be greater than or equal to 0')]
          : []),
      ];
    },
    validateUpdate: (next, old) => [
      ...fixedSelector(next['nodeTopology'], old['nodeTopology'], 'nodeTopology'),
      ...immutable(next['storageClassName'], old['storageClassName'], 'storageClassName'),
    ],
  },
};
