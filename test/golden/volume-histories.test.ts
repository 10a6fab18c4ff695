import type { FakeClock, Rng } from '@berth/kit';
import { type PersistentVolume, resources } from '@berth/kube';
import { expect, test } from 'vitest';
import { FakeApi } from '../harness/fake-api.ts';
import { type HistoryStep, historyOf, scrub } from '../harness/history.ts';
import { aClaim, aClass } from '../harness/storage-builders.ts';
import { StorageWorld, type WorldApi, type WorldOptions } from '../harness/storage-world.ts';
import { WatchedServer } from '../harness/watched-server.ts';
import golden from './storage-histories.json' with { type: 'json' };

const topology = { 'topology.hostpath.csi/node': 'node-0' };
const { persistentvolumeclaims: claims, persistentvolumes: volumes } = resources;

type Line = { object?: string; change?: string; set?: object; removed?: string[]; event?: string; reason?: string };

function recorded(id: string): Line[] {
  const found = golden.cases.find((one) => one.id === id);
  if (!found) throw new Error(`no recorded history "${id}"`);
  return found.history as Line[];
}

/** The writes of claims, volumes and attachments; where two controllers race for finalizers, order is not part of it. */
function writesIn(lines: readonly Line[], objects: RegExp): HistoryStep[] {
  return lines
    .filter(({ object }) => objects.test(object ?? ''))
    .map(({ object, change, set, removed }) => ({
      object: scrub(object ?? ''),
      change: change ?? '',
      set: JSON.parse(JSON.stringify(set).replaceAll(/"\d+-\d+-(hostpath[^"]*)"/g, '"<time>-<random>-$1"')),
      ...(removed ? { removed } : {}),
    }));
}

/** Removing two finalizers: either may be first. */
function withoutFinalizerRace(steps: readonly HistoryStep[]): HistoryStep[] {
  return steps.map((step) => {
    const [only, ...rest] = Object.keys(step.set);
    if (only !== 'metadata.finalizers' || rest.length > 0 || step.change !== 'MODIFIED') return step;
    return { ...step, set: { [only]: '<some>' } };
  });
}

function eventsIn(lines: readonly Line[], source: RegExp): unknown[] {
  const events = lines.filter((line) => line.event?.startsWith('PersistentVolume'));
  return distinct(
    (events as unknown as { event: string; type: string; reason: string; message: string; source: string }[])
      .filter((event) => source.test(event.source))
      .map(({ event, type, reason, message }) => ({ event, type, reason, message: scrub(message) })),
  );
}

function eventsOf(world: StorageWorld<WorldApi>, source: RegExp): unknown[] {
  return distinct(
    world.events.recorded
      .filter(({ component }) => source.test(component))
      .map(({ about, type, reason, message }) => ({ event: about, type, reason, message: scrub(message) })),
  );
}

/** How often an event repeats depends on how often a controller looks. */
function distinct(events: readonly unknown[]): unknown[] {
  return [...new Set(events.map((event) => JSON.stringify(event)))].map((text) => JSON.parse(text) as unknown);
}

const servers: Record<string, (clock: FakeClock, rng: Rng) => Promise<WorldApi>> = {
  'an API server in memory': async (clock: FakeClock, rng: Rng) => new FakeApi({ clock, rng }),
  'the API server': (clock: FakeClock, rng: Rng) => WatchedServer.start(clock, rng),
};
const namespace = 'default';

async function aWorld(
  makeApi: (clock: FakeClock, rng: Rng) => Promise<WorldApi>,
  options: WorldOptions = { csi: { topology } },
): Promise<StorageWorld<WorldApi>> {
  const world = await StorageWorld.startOn(makeApi, options);
  const drivers = [{ name: 'hostpath.csi.k8s.io', nodeID: 'node-0', topologyKeys: Object.keys(topology) }];
  await world.create(resources.serviceaccounts, { metadata: { name: 'default', namespace } });
  await world.create(resources.nodes, { metadata: { name: 'node-0', labels: topology } });
  await world.create(resources.csinodes, { metadata: { name: 'node-0' }, spec: { drivers } });
  await world.create(resources.storageclasses, aClass('csi-hostpath-sc'));
  await world.create(resources.storageclasses, aClass('wffc', { volumeBindingMode: 'WaitForFirstConsumer' }));
  await world.create(resources.storageclasses, aClass('wrong-prov', { provisioner: 'nobody.example.com' }));
  return world;
}

function expectHistory(world: StorageWorld<WorldApi>, id: string, objects = /^pv/): void {
  const lines = recorded(id);
  const steps = historyOf(world.api.writes).filter(({ object }) => objects.test(object));
  expect(withoutFinalizerRace(steps)).toEqual(withoutFinalizerRace(writesIn(lines, objects)));
  expect(eventsOf(world, /^persistentvolume-controller$/)).toEqual(eventsIn(lines, /^persistentvolume-controller$/));
  expect(eventsOf(world, /^hostpath/)).toEqual(eventsIn(lines, /^hostpath/));
}

for (const [server, makeApi] of Object.entries(servers)) {
test(`a claim of an Immediate class is provisioned, bound and deleted in the recorded writes and events, on ${server}`, async () => {
  await using world = await aWorld(makeApi);
  await world.create(claims, aClaim('c1', {}, namespace));
  await world.until(() => world.claimPhase('c1') === 'Bound');
  await world.client.delete(claims, { namespace, name: 'c1' });
  await world.until(() => world.api.all(volumes).length === 0);
  expectHistory(world, 'immediate');
  expect(world.csi.volumes.size).toBe(0);
});

test(`a volume is attached, detached and deleted in the recorded writes, on ${server}`, async () => {
  const capabilities = ['CREATE_DELETE_VOLUME', 'PUBLISH_UNPUBLISH_VOLUME'] as const;
  await using world = await aWorld(makeApi, { attacher: true, csi: { topology, capabilities } });
  await world.create(claims, aClaim('c1', {}, namespace));
  await world.until(() => world.claimPhase('c1') === 'Bound');
  const recordedName = recorded('attach').find(({ object }) => object?.startsWith('va/'))?.object?.slice(3) ?? '';
  const source = { persistentVolumeName: world.api.all(volumes)[0]?.metadata.name ?? '' };
  const spec = { attacher: 'hostpath.csi.k8s.io', nodeName: 'node-0', source };
  await world.create(resources.volumeattachments, { metadata: { name: recordedName }, spec });
  await world.until(() => world.one(resources.volumeattachments, recordedName)?.status?.attached === true);
  await world.client.delete(resources.volumeattachments, { name: recordedName });
  await world.until(() => world.api.all(resources.volumeattachments).length === 0);
  await world.client.delete(claims, { namespace, name: 'c1' });
  await world.until(() => world.api.all(volumes).length === 0);
  expectHistory(world, 'attach', /^(pv|va)/);
});

test(`a claim whose provisioner nobody serves is marked for it and waits, on ${server}`, async () => {
  await using world = await aWorld(makeApi);
  await world.create(claims, aClaim('c1', { storageClassName: 'wrong-prov' }, namespace));
  await world.clock.advance(60_000);
  expectHistory(world, 'no-provisioner');
});

test(`a claim with a selector waits for a hand-made volume, binds it, and leaves it Released, on ${server}`, async () => {
  await using world = await aWorld(makeApi);
  const selector = {
    matchLabels: { release: 'stable' },
    matchExpressions: [{ key: 'environment', operator: 'In', values: ['dev'] }],
  };
  await world.create(claims, aClaim('c1', { storageClassName: '', selector }, namespace));
  await world.until(() => world.events.recorded.length > 0);
  await world.create(volumes, handMade());
  await world.until(() => world.claimPhase('c1') === 'Bound');
  await world.client.delete(claims, { namespace, name: 'c1' });
  await world.until(() => world.one(volumes, 'static-1')?.status?.phase === 'Released');
  await world.client.delete(volumes, { name: 'static-1' });
  await world.until(() => world.api.all(volumes).length === 0);
  expectHistory(world, 'static');
});

test(`a claim of a delayed class waits for its pod, then follows the selected node, on ${server}`, async () => {
  await using world = await aWorld(makeApi);
  await world.create(claims, aClaim('c1', { storageClassName: 'wffc' }, namespace));
  await world.until(() => world.events.recorded.length > 0);
  await world.create(resources.pods, aPod('p1', 'c1'));
  const claim = await world.client.get(claims, { namespace, name: 'c1' });
  const annotations = { 'volume.kubernetes.io/selected-node': 'node-0' };
  await world.client.update(claims, { ...claim, metadata: { ...claim.metadata, annotations } });
  await world.until(() => world.claimPhase('c1') === 'Bound');
  await world.client.createSub(resources.pods, { namespace, name: 'p1' }, 'binding', {
    metadata: { name: 'p1' },
    target: { name: 'node-0' },
  });
  await world.client.delete(claims, { namespace, name: 'c1' });
  await world.clock.advance(1000);
  expect(world.claimPhase('c1')).toBe('Bound');
  await world.client.delete(resources.pods, { namespace, name: 'p1' }, { gracePeriodSeconds: 0 });
  await world.until(() => world.api.all(volumes).length === 0);
  expectHistory(world, 'wffc');
});

}

function aPod(name: string, claimName: string) {
  const spec = { containers: [{ name: 'c', image: 'i' }], volumes: [{ name: 'd', persistentVolumeClaim: { claimName } }] };
  return { metadata: { name, namespace }, spec };
}

function handMade(): PersistentVolume {
  return {
    metadata: { name: 'static-1', labels: { environment: 'dev', release: 'stable' } },
    spec: {
      capacity: { storage: '5Gi' },
      hostPath: { path: '/tmp/static-1', type: '' },
      accessModes: ['ReadWriteOnce'],
      persistentVolumeReclaimPolicy: 'Retain',
    },
  };
}
