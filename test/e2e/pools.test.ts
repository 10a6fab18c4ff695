import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { CSIStorageCapacity, Event, PersistentVolume, PersistentVolumeClaim, Pod } from '@berth/kube';
import { linuxMounter } from '@berth/linux';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Berth, eventually } from '../harness/berth.ts';
import { claim, list, ofClaim, pod, storageClass } from '../harness/manifests.ts';
import { tools } from '../harness/pod-manifests.ts';
import { mountSmallDisk } from '../harness/small-disk.ts';

const prefix = 'topology.csi.berth.local';
const later = { volumeBindingMode: 'WaitForFirstConsumer' };

let berth: Berth;
let disks: string;

beforeAll(async () => {
  disks = mkdtempSync(join(tmpdir(), 'berth-e2e-pools-'));
  // Disks of their own, so that the larger one has more room than the data directory could.
  for (const node of ['node-1', 'node-2']) mountSmallDisk(join(disks, 'small', node), '48m');
  const pools = ['--pool', `fast=${join(disks, 'fast')},limit=64Mi`, '--pool', `small=${join(disks, 'small')}`];
  berth = await Berth.start({ nodes: 2, args: pools });
  await berth.apply(
    list(
      storageClass('fast', { ...later, parameters: { pool: 'fast' } }),
      storageClass('small', { ...later, parameters: { pool: 'small' } }),
      storageClass('most', later),
    ),
  );
});

afterAll(async () => {
  await berth?.[Symbol.asyncDispose]();
  for (const node of ['node-1', 'node-2']) linuxMounter.unmount(join(disks, 'small', node), { lazy: true });
  rmSync(disks, { recursive: true, force: true });
});

/** A pod whose one claim has its name. */
function podWithClaim(name: string, storageClassName: string, storage: string, spec: object = {}) {
  const parts = { volumes: [ofClaim('data', name)], mounts: [{ name: 'data', mountPath: '/data' }] };
  return list(claim(name, { storageClassName, storage }), pod(name, { ...parts, image: tools, spec: { ...spec } }));
}

async function boundVolume(name: string): Promise<PersistentVolume> {
  const { spec } = await eventually(
    async () => {
      const found = await berth.get<PersistentVolumeClaim>('pvc', name);
      return found.status?.phase === 'Bound' && found;
    },
    { what: `claim ${name} Bound` },
  );
  return await berth.get<PersistentVolume>('pv', spec?.volumeName ?? '');
}

function segmentsOf({ spec }: PersistentVolume): Record<string, string> {
  const terms = spec?.nodeAffinity?.required?.nodeSelectorTerms ?? [];
  return Object.fromEntries(
    terms.flatMap(({ matchExpressions = [] }) =>
      matchExpressions.map(({ key, values }) => [key.replace(`${prefix}/`, ''), values?.[0] ?? '']),
    ),
  );
}

/** `node class → size`, of the largest volume there. */
async function largest(): Promise<Record<string, string>> {
  const { items } = await berth.get<{ items: CSIStorageCapacity[] }>('csistoragecapacities', '-n', 'kube-system');
  return Object.fromEntries(
    items.map(({ nodeTopology, storageClassName, maximumVolumeSize, capacity }) => [
      `${nodeTopology?.matchLabels?.[`${prefix}/node`]} ${storageClassName}`,
      String(maximumVolumeSize ?? capacity),
    ]),
  );
}

const capacityIs = (what: string, size: string) =>
  eventually(async () => (await largest())[what] === size, { what: `${what} has ${size}` });

test('nodes have a label for each pool, and each class a capacity on each node', async () => {
  const { metadata } = await berth.get<{ metadata: { labels: Record<string, string> } }>('node', 'node-1');
  for (const pool of ['default', 'fast', 'small']) expect(metadata.labels[`${prefix}/pool-${pool}`]).toBe('true');
  await capacityIs('node-1 fast', '64Mi');
  await capacityIs('node-2 fast', '64Mi');
  await eventually(async () => Object.keys(await largest()).length === 8);
  const sizes = await largest();
  expect(Object.keys(sizes).sort()).toEqual(
    ['berth', 'fast', 'most', 'small'].flatMap((name) => [`node-1 ${name}`, `node-2 ${name}`]).sort(),
  );
  expect(Number.parseInt(sizes['node-1 small'] ?? '', 10)).toBeLessThanOrEqual(49_152);
});

test('a class has its volumes in the pool it names, or in the one with most room', async () => {
  await berth.apply(podWithClaim('in-fast', 'fast', '8Mi'));
  await berth.apply(podWithClaim('in-most', 'most', '8Mi'));
  const inFast = await boundVolume('in-fast');
  const { node, ...pools } = segmentsOf(inFast);
  expect(pools).toEqual({ 'pool-fast': 'true' });
  expect(readdirSync(join(disks, 'fast', String(node), 'volumes'))).toEqual([inFast.spec?.csi?.volumeHandle]);
  const { node: other, ...most } = segmentsOf(await boundVolume('in-most'));
  expect(other).toMatch(/^node-[12]$/);
  expect(most).toEqual({ 'pool-default': 'true' });
  await eventually(async () => (await berth.get<Pod>('pod', 'in-fast')).status?.phase !== 'Pending');
  await capacityIs(`${node} fast`, '56Mi');
  await berth.kubectl(['delete', 'pod/in-fast', 'pod/in-most', 'pvc/in-fast', 'pvc/in-most', '--wait=false']);
  await capacityIs(`${node} fast`, '64Mi');
});

test('more than a pool has is refused with ResourceExhausted, the claim goes back to the scheduler, and finds another node', async () => {
  await berth.kubectl(['cordon', 'node-2']);
  // Taken behind the API server's back: what the scheduler knows of node-1 is no longer so.
  const socket = `unix://${berth.dataDir}/nodes/node-1/csi/csi.berth.local/csi.sock`;
  const direct = ['--endpoint', socket, 'csi', 'create-volume', '--name', 'direct', '--size', '40Mi'];
  const capability = ['--cap', 'SINGLE_NODE_WRITER,mount', '--param', 'pool=fast'];
  const made = await berth.command('csictl', [...direct, ...capability, '-o', 'json']);
  expect(made.stderr).toBe('');
  const { volumeId } = (JSON.parse(made.stdout) as { volume: { volumeId: string } }).volume;
  await berth.apply(podWithClaim('moves', 'fast', '32Mi'));
  await eventually(async () => {
    const events = await eventsOf('moves');
    return /ProvisioningFailed.*ResourceExhausted.*the pool "fast" can give 25165824/.test(events);
  });
  await capacityIs('node-1 fast', '24Mi');
  await eventually(async () => {
    const { metadata } = await berth.get<PersistentVolumeClaim>('pvc', 'moves');
    const isTold = /FailedScheduling.*did not have enough free storage/.test(await eventsOf('moves'));
    return !metadata.annotations?.['volume.kubernetes.io/selected-node'] && isTold;
  });
  await berth.kubectl(['uncordon', 'node-2']);
  const volume = await boundVolume('moves');
  expect(segmentsOf(volume)).toEqual({ node: 'node-2', 'pool-fast': 'true' });
  expect(existsSync(join(disks, 'fast/node-2/volumes', volume.spec?.csi?.volumeHandle ?? ''))).toBe(true);
  const removed = await berth.command('csictl', [
    '--endpoint',
    socket,
    'csi',
    'delete-volume',
    '--volume-id',
    volumeId,
  ]);
  expect(removed.code).toBe(0);
});

async function eventsOf(name: string): Promise<string> {
  const { items } = await berth.get<{ items: Event[] }>('events', '--field-selector', `involvedObject.name=${name}`);
  return items.map(({ reason, message }) => `${reason}: ${message}\n`).join('');
}

test('a claim that fits nowhere waits, and is made as soon as there is room', async () => {
  // 32Mi of 64Mi are taken on node-2; the driver of node-1 is asked again when one of its volumes goes.
  await berth.apply(podWithClaim('first', 'small', '40Mi', { nodeSelector: { 'kubernetes.io/hostname': 'node-1' } }));
  await boundVolume('first');
  await berth.apply(podWithClaim('second', 'fast', '60Mi', { nodeSelector: { 'kubernetes.io/hostname': 'node-2' } }));
  await eventually(async () => {
    const events = await eventsOf('second');
    return /FailedScheduling.*did not have enough free storage/.test(events);
  });
  await berth.kubectl(['delete', 'pod/moves', 'pvc/moves', '--wait=false']);
  expect(segmentsOf(await boundVolume('second'))).toEqual({ node: 'node-2', 'pool-fast': 'true' });
  await berth.kubectl(['delete', 'pod/first', 'pod/second', 'pvc/first', 'pvc/second', '--wait=false']);
  await capacityIs('node-2 fast', '64Mi');
});

test('a claim that waits for no pod and fits nowhere is told so', async () => {
  const atOnce = storageClass('at-once', { parameters: { pool: 'fast' } });
  await berth.apply(list(atOnce, claim('huge', { storageClassName: 'at-once', storage: '100Ei' })));
  const words = 'failed to provision volume with StorageClass "at-once": node(s) did not have enough free storage';
  await eventually(async () => (await eventsOf('huge')).includes(`ProvisioningFailed: ${words}`));
  await berth.kubectl(['delete', 'pvc/huge', '--wait=false']);
});

test('an answer to a wrong --pool is one line that says what is wrong', async () => {
  mkdirSync(join(disks, 'unused'));
  for (const [flag, words] of [
    ['fast', 'NAME=DIR'],
    ['fast=relative', 'absolute'],
    ['default=/mnt', 'has the name "default"'],
    ['Fast=/mnt', 'NAME=DIR'],
  ] as const) {
    const result = await berth.command('berth', ['up', '--data-dir', join(disks, 'unused'), '--pool', flag]);
    expect([result.code, result.stderr]).toEqual([2, expect.stringContaining(words)]);
  }
});
