import { expect, test } from 'vitest';
import type { AnyObject } from '../../resource-definition.ts';
import { storageClassRules } from './storage-class.ts';

const errorsOf = (allowedTopologies: readonly object[]) =>
  storageClassRules.rules?.validate?.({
    metadata: { name: 'c' },
    provisioner: 'p',
    reclaimPolicy: 'Delete',
    volumeBindingMode: 'Immediate',
    allowedTopologies,
  } as unknown as AnyObject) as readonly { readonly field: string }[];

const zone = (...values: string[]) => ({ matchLabelExpressions: [{ key: 'zone', values }] });

test('a topology that is asked for twice, in whatever order, is told', () => {
  expect(errorsOf([zone('a', 'b'), zone('c'), zone('b', 'a')])).toMatchObject([
    { field: 'allowedTopologies[2].matchLabelExpressions' },
  ]);
});

test('of thousands of terms that ask for nothing, some complaints are told', () => {
  expect(errorsOf(Array.from({ length: 4000 }, () => ({})))).toHaveLength(10_000);
});
