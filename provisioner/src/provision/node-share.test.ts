import { FakeClock } from '@berth/kit';
import type { CSINode, Informer, KubeClient, Node, PersistentVolume } from '@berth/kube';
import { expect, test } from 'vitest';
import type { ConnectedDriver } from '../driver/connect-driver.ts';
import { NodeShare } from './node-share.ts';

const driverName = 'csi.example.com';

function shareOf(nodeName: string): NodeShare {
  const drivers = [{ name: driverName, nodeID: 'n', topologyKeys: ['zone'] }];
  const csiNodes = ['node-0', 'node-1', 'node-2'].map((name) => ({ metadata: { name }, spec: { drivers } }) as CSINode);
  return new NodeShare({
    nodeName,
    client: {} as KubeClient,
    driver: { name: driverName } as ConnectedDriver,
    nodes: { get: (name: string) => ({ metadata: { name, labels: { zone: name } } }) } as unknown as Informer<Node>,
    csiNodes: {
      list: () => csiNodes,
      get: (name: string) => csiNodes.find(({ metadata }) => metadata.name === name),
    } as unknown as Informer<CSINode>,
    clock: new FakeClock(),
  });
}

function aVolume(identity: string | undefined, zone?: string): PersistentVolume {
  const attributes = { 'storage.kubernetes.io/csiProvisionerIdentity': identity };
  const terms = [{ matchExpressions: [{ key: 'zone', operator: 'In', values: [zone] }] }];
  return {
    metadata: { name: 'pvc-1', uid: 'uid-1' },
    spec: {
      csi: {
        driver: driverName,
        volumeHandle: 'v',
        ...(identity === undefined ? {} : { volumeAttributes: attributes }),
      },
      ...(zone === undefined ? {} : { nodeAffinity: { required: { nodeSelectorTerms: terms } } }),
    },
  } as PersistentVolume;
}

function owners(volume: PersistentVolume): string[] {
  return ['node-0', 'node-1', 'node-2'].filter((name) => shareOf(name).owns(volume));
}

test('a volume that is reachable from everywhere belongs to the node whose driver made it', () => {
  for (const name of ['node-0', 'node-1', 'node-2']) {
    expect(owners(aVolume(`1763692800000-42-${driverName}-${name}`))).toEqual([name]);
  }
});

test('while its maker is gone nobody answers for it', () => {
  expect(owners(aVolume(`1763692800000-42-${driverName}-node-9`))).toEqual([]);
});

test('a volume that no node is known to have made belongs to exactly one', () => {
  for (const identity of [undefined, '', `1763692800000-42-${driverName}`, '42-other.example.com-node-0', 'x']) {
    expect(owners(aVolume(identity))).toHaveLength(1);
  }
});

test('where a volume has a place, that decides', () => {
  expect(owners(aVolume(`1763692800000-42-${driverName}-node-0`, 'node-1'))).toEqual(['node-1']);
});
