import { isDeepStrictEqual } from 'node:util';
import { resources } from '@berth/kube';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { eventually } from '../harness/berth.ts';
import type { SeenWrite } from '../harness/history-recorder.ts';
import { type History, recordedHistory, recordedIds, seenHistory } from '../harness/recorded-history.ts';
import { cases } from './storage-history-cases.ts';
import { comparable } from './storage-history-differences.ts';
import { Stage } from './storage-history-stage.ts';
import { type HistoryWorld, startHistoryWorld } from './storage-history-world.ts';

const classes: Readonly<Record<string, string>> = {
  attach: 'csi-attach',
  'expand-offline': 'csi-expand',
  'expand-online': 'csi-expand',
};

let world: HistoryWorld;

beforeAll(async () => {
  world = await startHistoryWorld();
});
afterAll(() => world?.[Symbol.asyncDispose]());

function historyOf(id: string): History {
  const { writes, events } = world.recorder;
  const inOurs = ({ namespace }: { readonly namespace: string }) => namespace === `h-${id}`;
  const shared: Readonly<Record<string, RegExp>> = { static: /^pv\/static-1$/, attach: /^node\// };
  const own = writes.filter((write) => inOurs(write) || shared[id]?.test(write.object));
  return seenHistory(own.map(nameVolume), events.filter(inOurs));
}

function nameVolume(write: SeenWrite): SeenWrite {
  return write.object.startsWith('pv/pvc-') ? { ...write, object: `pv/of ${write.claim}` } : write;
}

test('every recorded history is played', () => {
  expect(Object.keys(cases).sort()).toEqual([...recordedIds].sort());
});

for (const [id, play] of Object.entries(cases)) {
  test.concurrent(`a watcher of "${id}" sees what was recorded of the real stack`, async ({ expect }) => {
    const { client } = world;
    const namespace = `h-${id}`;
    await client.create(resources.namespaces, { metadata: { name: namespace } });
    await eventually(() => client.get(resources.serviceaccounts, { namespace, name: 'default' }));
    await play(new Stage({ client, namespace, className: classes[id] ?? 'csi-hostpath-sc' }));
    const recorded = comparable(id, recordedHistory(id), 'recorded');
    const seen = () => comparable(id, historyOf(id), 'seen');
    await eventually(async () => isDeepStrictEqual(seen(), recorded), { timeoutMs: 60_000 }).catch(() => undefined);
    expect(seen()).toEqual(recorded);
  });
}

test('nothing more is written once the histories are over', () => {
  for (const id of Object.keys(cases)) {
    expect(comparable(id, historyOf(id), 'seen'), id).toEqual(comparable(id, recordedHistory(id), 'recorded'));
  }
});

test('a claim of the default class grows in use, all by the controller, as our driver needs no node for it', async () => {
  const { client, berth } = world;
  const ref = { namespace: 'default', name: 'c1' };
  const stage = new Stage({ client, namespace: 'default', className: 'berth' });
  await stage.claim();
  await stage.pod('p1');
  await stage.running('p1');
  await stage.grow('3Mi');
  await stage.is(resources.persistentvolumeclaims, 'c1', ({ status }) => status?.capacity?.['storage'] === '3Mi');
  const { status, spec, metadata } = await client.get(resources.persistentvolumeclaims, ref);
  expect(status).toMatchObject({ allocatedResources: { storage: '3Mi' } });
  expect([status?.conditions, status?.allocatedResourceStatuses]).toEqual([undefined, undefined]);
  expect(metadata.annotations).toHaveProperty(['volume.kubernetes.io/node-expansion-not-required'], 'true');
  const volume = await client.get(resources.persistentvolumes, { name: spec?.volumeName ?? '' });
  expect(volume.spec?.capacity).toEqual({ storage: '3Mi' });
  const described = await berth.kubectl(['describe', 'pvc', 'c1']);
  expect(described).toMatch(
    /Normal +Resizing .* external-resizer csi\.berth\.local +External resizer is resizing volume/,
  );
  expect(described).toContain('Resize volume succeeded');
  const events = await berth.kubectl(['describe', 'pod', 'p1']);
  expect(events).toMatch(/Normal +Scheduled .* default-scheduler +Successfully assigned default\/p1 to node-1/);
  expect(events).toMatch(/Normal +Started .* kubelet +Container started/);
  await stage.delete(resources.pods, 'p1');
});
