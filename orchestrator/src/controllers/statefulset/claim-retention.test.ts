import type { OwnerReference, PersistentVolumeClaim, Pod, StatefulSet } from '@berth/kube';
import { expect, test } from 'vitest';
import { claimOwners } from './claim-retention.ts';

const pod: Pod = { metadata: { name: 'web-0', uid: 'pod-uid' } };
const setOf = (whenDeleted: string, whenScaled: string) =>
  ({
    metadata: { name: 'web', uid: 'set-uid' },
    spec: { persistentVolumeClaimRetentionPolicy: { whenDeleted, whenScaled } },
  }) as StatefulSet;
const claimOf = (...ownerReferences: Partial<OwnerReference>[]) =>
  ({ metadata: { name: 'data-web-0', ownerReferences } }) as PersistentVolumeClaim;

const set = {
  apiVersion: 'apps/v1',
  kind: 'StatefulSet',
  name: 'web',
  uid: 'set-uid',
  controller: true,
  blockOwnerDeletion: true,
};
const ofPod = { ...set, apiVersion: 'v1', kind: 'Pod', name: 'web-0', uid: 'pod-uid' };
const external = { apiVersion: 'v1', kind: 'ConfigMap', name: 'c', uid: 'c-uid' };

test.each([
  ['nothing, where all is kept', 'Retain', 'Retain', false, [set], []],
  ['the set, where it takes them along', 'Delete', 'Retain', true, [], [set]],
  ['the set, while the pod has its place', 'Delete', 'Delete', false, [ofPod], [set]],
  ['the condemned pod', 'Delete', 'Delete', true, [set], [ofPod]],
  ['nobody, while only scaling takes them', 'Retain', 'Delete', false, [set, ofPod], []],
  ['others still', 'Delete', 'Retain', false, [external], [external, set]],
  ['the set as its controller again', 'Delete', 'Delete', false, [{ ...set, controller: false }], [set]],
  [
    'another controller alone',
    'Delete',
    'Delete',
    false,
    [{ ...external, controller: true }, set],
    [{ ...external, controller: true }],
  ],
] as const)('a claim belongs to %s', (_, whenDeleted, whenScaled, isCondemned, before, after) => {
  const owners = claimOwners(setOf(whenDeleted, whenScaled), claimOf(...before), { pod, isCondemned });
  expect(owners).toEqual(after);
  expect(claimOwners(setOf(whenDeleted, whenScaled), claimOf(...after), { pod, isCondemned })).toBeUndefined();
});

test('claims of an earlier set or pod of the same name, and of another controller alone, are left alone', () => {
  for (const owner of [
    { ...set, uid: 'old' },
    { ...ofPod, uid: 'old' },
    { ...external, controller: true },
  ])
    expect(claimOwners(setOf('Delete', 'Delete'), claimOf(owner), { pod })).toBeUndefined();
});
