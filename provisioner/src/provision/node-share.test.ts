import { FakeClock } from '@berth/kit';
import type { CSINode, Informer, KubeClient, Node, PersistentVolume, PersistentVolumeClaim } from '@berth/kube';
import { expect, test } from 'vitest';
import type { ConnectedDriver } from '../driver/connect-driver.ts';
import { NodeShare, type NodeShareOptions, type NodeVerdict } from './node-share.ts';

const driverName = 'csi.example.com';

function shareOf(nodeName: string, parts: Partial<NodeShareOptions> = {}): NodeShare {
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
    ...parts,
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

/** What users are told by each of three nodes, of which some have room, in this many rounds. */
async function problems(rounds: number, ...withRoom: string[]): Promise<(string | undefined)[]> {
  return (await race({ rounds, withRoom })).told;
}

/** Three nodes, whose zones are their names, about one claim: what its user is told, and which of them take it. */
async function race({ rounds, withRoom, zones }: { rounds: number; withRoom: string[]; zones?: string[] }) {
  const clock = new FakeClock();
  const claim = {
    metadata: { uid: 'uid-1' },
    spec: { resources: { requests: { storage: '100Ei' } } },
  } as PersistentVolumeClaim;
  const told: (string | undefined)[] = [];
  const { signal } = new AbortController();
  const taken: string[] = [];
  const allowedTopologies = zones && [{ matchLabelExpressions: [{ key: 'zone', values: zones }] }];
  const shares = ['node-0', 'node-1', 'node-2'].map((name) => {
    const update = async () => taken.push(name);
    const client = { update } as unknown as KubeClient;
    const availableCapacity = withRoom.includes(name) ? String(2n ** 70n) : '1000';
    const calls = { controller: async () => ({ availableCapacity }) };
    const driver = { name: driverName, can: () => true, calls } as unknown as ConnectedDriver;
    return shareOf(name, { clock, client, driver });
  });
  for (let turn = 0; turn < 3 * rounds && taken.length === 0; turn++) {
    for (const share of shares) {
      const verdict: NodeVerdict = await share.decide(claim, { parameters: {}, allowedTopologies }, signal);
      if (verdict && verdict !== 'ours' && verdict.problem) told.push(verdict.problem);
    }
    await clock.advance(500);
  }
  return { told, taken };
}

test('a claim no node has room for is told of by one node, once all had their turn', async () => {
  const words = 'node(s) did not have enough free storage';
  expect(await problems(1)).toEqual([]);
  expect(await problems(2)).toEqual([words]);
  expect(await problems(10)).toEqual([words, words, words, words]);
});

test('where one node has room, the others say nothing', async () => {
  for (const name of ['node-0', 'node-1', 'node-2']) expect(await problems(10, name)).toEqual([]);
});

test('only nodes that the class allows take a claim', async () => {
  const withRoom = ['node-0', 'node-1', 'node-2'];
  for (const name of withRoom)
    expect(await race({ rounds: 3, withRoom, zones: [name] })).toEqual({ told: [], taken: [name] });
  const nowhere = await race({ rounds: 2, withRoom, zones: ['elsewhere'] });
  expect(nowhere.taken).toEqual([]);
  expect(nowhere.told).toEqual(['no node that has the driver is in the allowed topologies of the class']);
});
