import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import type { PersistentVolume, Pod } from '@berth/kube';
import type { MountInfo } from '@berth/linux';
import { expect, test } from 'vitest';
import { viewOf } from '../cluster/cluster-view.ts';
import { kubeletRoots } from './kubelet-roots.ts';
import { mountRows } from './mount-rows.ts';
import { recordedPlaces } from './recorded-places.ts';

const driver = 'csi.berth.local';

/** A data directory with one node, to be filled with kubelet's records; the mount table is the test's. */
function scene() {
  const data = mkdtempSync(join(tmpdir(), 'berth-csictl-'));
  const kubelet = join(data, 'nodes/n1/kubelet');
  const roots = kubeletRootsOf(data, kubelet);
  const record = (path: string, content: object | string) => {
    mkdirSync(path, { recursive: true });
    writeFileSync(
      join(dirname(path), 'vol_data.json'),
      typeof content === 'string' ? content : JSON.stringify({ driverName: driver, ...content }),
    );
    return path;
  };
  return {
    kubelet,
    staged: (handle: string) =>
      record(join(kubelet, `plugins/kubernetes.io/csi/${driver}/${sha256(handle)}/globalmount`), {
        volumeHandle: handle,
      }),
    published: (uid: string, pv: string, content: object | string = { volumeHandle: 'v-1', specVolID: pv }) =>
      record(join(kubelet, `pods/${uid}/volumes/kubernetes.io~csi/${pv}/mount`), content),
    rows: (table: readonly MountInfo[], cluster = viewOf([pv('pvc-1', 'v-1', 'www-web-0')], [pod('uid-1', 'web-0')])) =>
      mountRows({ roots, table, recorded: recordedPlaces(roots), cluster }),
    [Symbol.dispose]: () => rmSync(data, { recursive: true, force: true }),
  };
}

function kubeletRootsOf(data: string, kubelet: string) {
  mkdirSync(kubelet, { recursive: true });
  return kubeletRoots(data, undefined);
}

const sha256 = (text: string) => createHash('sha256').update(text).digest('hex');

const pod = (uid: string, name: string) => ({ metadata: { uid, name, namespace: 'default' } }) as Pod;

const pv = (name: string, volumeHandle: string, claim: string) =>
  ({
    metadata: { name },
    spec: { csi: { driver, volumeHandle }, claimRef: { namespace: 'default', name: claim } },
  }) as PersistentVolume;

const mounted = (mountPoint: string, options: string[] = ['rw'], root = '/pool/volumes/v-1'): MountInfo => ({
  id: 1,
  parentId: 0,
  device: '8:1',
  root,
  mountPoint,
  options,
  propagation: [],
  fsType: 'ext4',
  source: '/dev/sda1',
  superOptions: ['rw'],
});

test('a staged and published volume is told with its pod, claim, PV and mode', () => {
  using s = scene();
  const [stage, target] = [s.staged('v-1'), s.published('uid-1', 'pvc-1')];
  const rows = s.rows([mounted(stage), mounted(target, ['ro', 'relatime'])]);
  const common = { node: 'n1', driver, volume: 'v-1', claim: 'default/www-web-0', pv: 'pvc-1', state: 'ok', note: '' };
  expect(rows).toEqual([
    { ...common, kind: 'stage', pod: '', mode: 'rw', path: stage },
    { ...common, kind: 'publish', pod: 'default/web-0', mode: 'ro', path: target },
  ]);
});

const cases: Record<string, [expected: string, act: (s: ReturnType<typeof scene>) => ReturnType<typeof mountRows>]> = {
  'a recorded volume that is not mounted': [
    'missing',
    (s) => {
      s.published('uid-1', 'pvc-1');
      return s.rows([]);
    },
  ],
  'two mounts at one path': [
    'stacked twice',
    (s) => {
      const target = s.published('uid-1', 'pvc-1');
      return s.rows([mounted(target), mounted(target)]);
    },
  ],
  'three mounts at one path': [
    'stacked 3 times',
    (s) => {
      const target = s.published('uid-1', 'pvc-1');
      return s.rows([mounted(target), mounted(target), mounted(target)]);
    },
  ],
  'a mount of a pod that is gone': ['orphaned', (s) => s.rows([mounted(s.published('uid-9', 'pvc-1'))])],
  'a mount without a record': [
    'orphaned',
    (s) => s.rows([mounted(join(s.kubelet, 'pods/uid-1/volumes/kubernetes.io~csi/pvc-1/mount'))]),
  ],
  'a mount with a damaged record': ['orphaned', (s) => s.rows([mounted(s.published('uid-1', 'pvc-1', '{"driverNa'))])],
  'a stage whose PV is gone': ['orphaned', (s) => s.rows([mounted(s.staged('v-2'))])],
  'a mount of a deleted directory': [
    'orphaned',
    (s) => s.rows([mounted(s.published('uid-1', 'pvc-1'), ['rw'], '/pool/volumes/v-1//deleted')]),
  ],
  'an inline volume, which has no PV': [
    'ok',
    (s) =>
      s.rows([mounted(s.published('uid-1', 'scratch', { volumeHandle: 'csi-x', volumeLifecycleMode: 'Ephemeral' }))]),
  ],
  'an emptyDir in memory': [
    'ok',
    (s) => s.rows([mounted(join(s.kubelet, 'pods/uid-1/volumes/kubernetes.io~empty-dir/cache'), ['rw'], '/')]),
  ],
};

for (const [what, [expected, act]] of Object.entries(cases)) {
  test(`${what} is ${expected}`, () => {
    using s = scene();
    expect(act(s).map(({ state }) => state)).toEqual([expected]);
  });
}

test('an inline volume has no PV, and a subPath of a claim has both', () => {
  using s = scene();
  const inline = { volumeHandle: 'csi-x', specVolID: 'scratch', volumeLifecycleMode: 'Ephemeral' };
  const subPath = (name: string) => mounted(join(s.kubelet, `pods/uid-1/volume-subpaths/${name}/c/0`));
  const cluster = viewOf(
    [pv('pvc-1', 'v-1', 'www-web-0'), pv('cache', 'v-2', 'other')],
    [{ ...pod('uid-1', 'web-0'), spec: { volumes: [{ name: 'cache', emptyDir: {} }], containers: [] } }],
  );
  const rows = s.rows([mounted(s.published('uid-1', 'scratch', inline)), subPath('pvc-1'), subPath('cache')], cluster);
  expect(rows.map(({ volume, claim, pv, state }) => [volume, claim, pv, state])).toEqual([
    ['csi-x', '', '', 'ok'],
    ['pvc-1', 'default/www-web-0', 'pvc-1', 'ok'],
    ['cache', '', '', 'ok'],
  ]);
});

test('without an API server the records alone tell, and a pod is named by its uid', () => {
  using s = scene();
  const table = [mounted(s.published('uid-9', 'pvc-1'))];
  const [row] = mountRows({
    roots: [{ node: 'n1', path: s.kubelet }],
    table,
    recorded: [],
    cluster: undefined,
  });
  expect(row).toMatchObject({ pod: 'uid-9', pv: 'pvc-1', claim: '', state: 'ok' });
});

test('root filesystems and namespaces of containers are of the runtime', () => {
  using s = scene();
  const runtime = join(s.kubelet, '../runtime');
  const rows = s.rows([
    mounted(join(runtime, 'containers/0123456789abcdef/rootfs')),
    mounted(join(runtime, 'sandboxes/s-1/ns/net')),
  ]);
  expect(rows.map(({ kind, volume, state }) => [kind, volume, state])).toEqual([
    ['runtime', 'rootfs of 0123456789ab', 'ok'],
    ['runtime', 'ns/net of s-1', 'ok'],
  ]);
});

test('mounts elsewhere are not ours', () => {
  using s = scene();
  expect(s.rows([mounted('/var/lib/kubelet/pods/u/volumes/kubernetes.io~csi/p/mount'), mounted('/')])).toEqual([]);
});

test('a data directory or kubelet behind a link is where the mount table has it', () => {
  using s = scene();
  const data = resolve(s.kubelet, '../../..');
  const link = `${data}-link`;
  symlinkSync(data, link);
  try {
    const [own, other] = kubeletRoots(link, join(link, 'nodes/n1/kubelet'));
    expect([own?.path, other?.path]).toEqual([s.kubelet, s.kubelet]);
  } finally {
    rmSync(link);
  }
});
