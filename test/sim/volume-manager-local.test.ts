import {
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { resources, type Volume } from '@berth/kube';
import type { FakeKernel } from '@berth/linux';
import { expect, test } from 'vitest';
import { aPod, volumeHarness } from '../harness/volume-harness.ts';

const never = new AbortController().signal;

async function mountOne(
  h: Awaited<ReturnType<typeof volumeHarness>>,
  volume: Volume,
  change?: Parameters<typeof aPod>[1],
) {
  const pod = aPod([volume], change);
  h.manager.podsSynced();
  h.manager.setPod(pod);
  const mounted = (await h.manager.waitForMount(pod, never)).get(volume.name);
  if (mounted?.kind !== 'filesystem') throw new Error('not a filesystem volume');
  return { pod, path: mounted.hostPath, readOnly: mounted.readOnly };
}

test('an emptyDir is writable by all and goes with its pod and what is in it', async () => {
  await using h = await volumeHarness();
  const { pod, path, readOnly } = await mountOne(h, { name: 'tmp', emptyDir: {} });
  expect(path).toBe(join(h.kubeletDir, 'pods', pod.metadata.uid!, 'volumes/kubernetes.io~empty-dir/tmp'));
  expect([statSync(path).mode & 0o7777, readOnly]).toEqual([0o777, false]);
  mkdirSync(join(path, 'a/b'), { recursive: true });
  writeFileSync(join(path, 'a/b/file'), 'x');
  h.manager.removePod(pod.metadata.uid!);
  await h.manager.waitForUnmount(pod.metadata.uid!, never);
  expect(readdirSync(join(h.kubeletDir, 'pods', pod.metadata.uid!))).toEqual([]);
});

test('an emptyDir in memory is a tmpfs of its size limit', async () => {
  await using h = await volumeHarness();
  const kernel = h.mounter as FakeKernel;
  const { pod, path } = await mountOne(h, { name: 'tmp', emptyDir: { medium: 'Memory', sizeLimit: '16Mi' } });
  expect(kernel.mounts().map(({ mountPoint, fsType }) => [mountPoint, fsType])).toEqual([[path, 'tmpfs']]);
  h.manager.removePod(pod.metadata.uid!);
  await h.manager.waitForUnmount(pod.metadata.uid!, never);
  expect(kernel.mounts()).toEqual([]);
});

test('a missing Secret and ConfigMap are named in events, and mounted once they are there', async () => {
  await using h = await volumeHarness();
  h.manager.podsSynced();
  const pod = aPod([
    { name: 's', secret: { secretName: 'nope' } },
    { name: 'm', configMap: { name: 'nopecm' } },
  ]);
  h.manager.setPod(pod);
  await h.until(() => h.events.recorded.length >= 4);
  expect(new Set(h.events.lines)).toEqual(
    new Set([
      'FailedMount: MountVolume.SetUp failed for volume "m" : configmap "nopecm" not found',
      'FailedMount: MountVolume.SetUp failed for volume "s" : secret "nope" not found',
    ]),
  );
  const data = { key: Buffer.from('value').toString('base64') };
  await h.client.create(resources.secrets, { metadata: { name: 'nope', namespace: 'default' }, data });
  await h.client.create(resources.configmaps, { metadata: { name: 'nopecm', namespace: 'default' }, data: { a: '1' } });
  const mounted = await h.manager.waitForMount(pod, never);
  const secret = mounted.get('s');
  expect(secret).toMatchObject({ kind: 'filesystem', readOnly: true });
  expect(readFileSync(join((secret as { hostPath: string }).hostPath, 'key'), 'utf8')).toBe('value');
});

test("a ConfigMap's new content replaces the old all at once, and removed keys go", async () => {
  await using h = await volumeHarness();
  const configMap = await h.client.create(resources.configmaps, {
    metadata: { name: 'cm', namespace: 'default' },
    data: { a: 'one', b: 'two' },
  });
  const { path } = await mountOne(h, { name: 'cm', configMap: { name: 'cm', defaultMode: 0o640 } });
  expect(readlinkSync(join(path, 'a'))).toBe('..data/a');
  expect(statSync(join(path, 'a')).mode & 0o777).toBe(0o640);
  const before = readlinkSync(join(path, '..data'));
  await h.client.update(resources.configmaps, { ...configMap, data: { a: 'changed', c: 'new' } });
  await h.until(() => readFileSync(join(path, 'a'), 'utf8') === 'changed');
  expect(readlinkSync(join(path, '..data'))).not.toBe(before);
  await h.until(() => readdirSync(path).length === 4);
  expect(readdirSync(path).filter((name) => !name.startsWith('..'))).toEqual(['a', 'c']);
});

test('items choose keys, paths and modes; a missing key is refused unless it is optional', async () => {
  await using h = await volumeHarness();
  await h.client.create(resources.configmaps, {
    metadata: { name: 'cm', namespace: 'default' },
    data: { a: 'one', b: 'two' },
  });
  const items = [{ key: 'a', path: 'dir/file', mode: 0o400 }];
  const { path } = await mountOne(h, { name: 'cm', configMap: { name: 'cm', items } });
  expect([
    readdirSync(path).filter((name) => !name.startsWith('..')),
    readFileSync(join(path, 'dir/file'), 'utf8'),
  ]).toEqual([['dir'], 'one']);
  expect(statSync(join(path, 'dir/file')).mode & 0o777).toBe(0o400);
  const optional = { name: 'cm', optional: true, items: [{ key: 'nope', path: 'x' }] };
  expect(
    readdirSync((await mountOne(h, { name: 'o', configMap: optional })).path).filter((n) => !n.startsWith('..')),
  ).toEqual([]);
  h.manager.setPod(aPod([{ name: 'n', configMap: { name: 'cm', items: [{ key: 'nope', path: 'x' }] } }]));
  await h.until(() => h.events.recorded.length > 0);
  expect(h.events.lines[0]).toBe(
    'FailedMount: MountVolume.SetUp failed for volume "n" : configmap references non-existent config key: nope',
  );
});

test.for(['../evil', '/etc/passwd', 'a/../../b', '..data/x', ''])(
  'a content path "%s" is refused and nothing is written',
  async (hostile) => {
    await using h = await volumeHarness();
    await h.client.create(resources.configmaps, { metadata: { name: 'cm', namespace: 'default' }, data: { a: 'one' } });
    const pod = aPod([{ name: 'v', configMap: { name: 'cm', items: [{ key: 'a', path: hostile }] } }]);
    h.manager.podsSynced();
    h.manager.setPod(pod);
    await h.until(() => h.events.recorded.length > 0);
    expect(h.events.lines[0]).toMatch(/SetUp failed for volume "v" : invalid path: must/);
    expect(() =>
      lstatSync(join(h.kubeletDir, 'pods', pod.metadata.uid!, 'volumes/kubernetes.io~configmap/v')),
    ).toThrow();
  },
);

test("a projected volume has a token, the root certificates and the pod's own fields, and the token is renewed at 80 % of its life", async () => {
  await using h = await volumeHarness();
  await h.client.create(resources.configmaps, {
    metadata: { name: 'kube-root-ca.crt', namespace: 'default' },
    data: { 'ca.crt': 'PEM' },
  });
  const sources = [
    { serviceAccountToken: { expirationSeconds: 3607, path: 'token' } },
    { configMap: { name: 'kube-root-ca.crt', items: [{ key: 'ca.crt', path: 'ca.crt' }] } },
    { downwardAPI: { items: [{ path: 'labels', fieldRef: { fieldPath: 'metadata.labels' } }] } },
  ];
  const { pod, path } = await mountOne(h, { name: 'api', projected: { sources } }, (p) => {
    p.metadata.labels = { b: 'say "hi"\n', a: '1' };
    p.spec!.securityContext = { runAsUser: 0 };
  });
  expect(readFileSync(join(path, 'token'), 'utf8')).toBe('token-1');
  expect(statSync(join(path, 'token')).mode & 0o777).toBe(0o600);
  expect(readFileSync(join(path, 'ca.crt'), 'utf8')).toBe('PEM');
  expect(readFileSync(join(path, 'labels'), 'utf8')).toBe('a="1"\nb="say \\"hi\\"\\n"');
  expect(h.transport.tokens[0]).toMatchObject({ expirationSeconds: 3607, boundObjectRef: { uid: pod.metadata.uid } });
  await h.clock.advance(3607 * 790);
  expect(readFileSync(join(path, 'token'), 'utf8')).toBe('token-1');
  await h.clock.advance(3607 * 20);
  await h.until(() => readFileSync(join(path, 'token'), 'utf8') === 'token-2');
  h.manager.setPod({ ...pod, metadata: { ...pod.metadata, labels: { z: '26' } } });
  await h.until(() => readFileSync(join(path, 'labels'), 'utf8') === 'z="26"');
});

test("downwardAPI shows limits, the node's where a container has none", async () => {
  await using h = await volumeHarness();
  const item = (path: string, resource: string, divisor?: string) => ({
    path,
    resourceFieldRef: { containerName: 'c', resource, ...(divisor ? { divisor } : {}) },
  });
  const items = [
    item('cpu', 'limits.cpu', '1m'),
    item('memory', 'limits.memory', '1Mi'),
    item('asked', 'requests.cpu'),
  ];
  const { path } = await mountOne(h, { name: 'd', downwardAPI: { items } }, (p) => {
    p.spec!.containers[0]!.resources = { limits: { cpu: '250m' }, requests: { cpu: '250m' } };
  });
  expect(['cpu', 'memory', 'asked'].map((name) => readFileSync(join(path, name), 'utf8'))).toEqual([
    '250',
    '1024',
    '1',
  ]);
});

test.for([
  ['Directory', 'file', 'is not a directory'],
  ['File', 'dir', 'is not a file'],
  ['Socket', 'file', 'is not a socket file'],
  ['CharDevice', 'file', 'is not a character device'],
  ['BlockDevice', 'dir', 'is not a block device'],
  ['DirectoryOrCreate', 'file', 'is not a directory'],
  ['FileOrCreate', 'dir', 'is not a file'],
  ['Directory', 'absent', 'is not a directory'],
] as const)('hostPath type %s refuses a %s', async ([type, what, words]) => {
  await using h = await volumeHarness();
  const path = join(h.kubeletDir, what);
  if (what === 'file') writeFileSync(path, '');
  if (what === 'dir') mkdirSync(path);
  h.manager.setPod(aPod([{ name: 'h', hostPath: { path, type } }]));
  await h.until(() => h.events.recorded.length > 0);
  expect(h.events.lines).toEqual([
    `FailedMount: MountVolume.SetUp failed for volume "h" : hostPath type check failed: ${path} ${words}`,
  ]);
});

test('hostPath takes what is of its type, and makes what may be made', async () => {
  await using h = await volumeHarness();
  const at = (name: string) => join(h.kubeletDir, name);
  const server = createServer().listen(at('socket'));
  await mountOne(h, { name: 'a', hostPath: { path: at('new/dir'), type: 'DirectoryOrCreate' } });
  await mountOne(h, { name: 'b', hostPath: { path: at('new/file'), type: 'FileOrCreate' } });
  await mountOne(h, { name: 'c', hostPath: { path: at('socket'), type: 'Socket' } });
  await mountOne(h, { name: 'd', hostPath: { path: '/dev/null', type: 'CharDevice' } });
  await mountOne(h, { name: 'e', hostPath: { path: at('new/any') } });
  expect([statSync(at('new/dir')).isDirectory(), statSync(at('new/file')).isFile()]).toEqual([true, true]);
  expect(statSync(at('new/any')).isDirectory()).toBe(true);
  server.close();
});

test('a local PersistentVolume, also by a link, is bound into its pod, read-only where the pod says so', async () => {
  await using h = await volumeHarness();
  const kernel = h.mounter as FakeKernel;
  const path = join(h.kubeletDir, 'disk');
  mkdirSync(path);
  symlinkSync(path, join(h.kubeletDir, 'link'));
  const claim = await h.client.create(resources.persistentvolumeclaims, {
    metadata: { name: 'c', namespace: 'default' },
    spec: { volumeName: 'pv' },
  });
  await h.client.create(resources.persistentvolumes, {
    metadata: { name: 'pv' },
    spec: { claimRef: { uid: claim.metadata.uid! }, local: { path: join(h.kubeletDir, 'link') } },
  });
  await h.client.patch(
    resources.persistentvolumeclaims,
    { namespace: 'default', name: 'c' },
    { type: 'merge', patch: { status: { phase: 'Bound' } } },
    { subresource: 'status' },
  );
  const { pod } = await mountOne(h, { name: 'd', persistentVolumeClaim: { claimName: 'c', readOnly: true } });
  const target = join(h.kubeletDir, 'pods', pod.metadata.uid!, 'volumes/kubernetes.io~local-volume/pv');
  expect(kernel.mounts().map(({ mountPoint, root, options }) => [mountPoint, root, options])).toEqual([
    [target, path, ['ro']],
  ]);
  h.manager.removePod(pod.metadata.uid!);
  await h.manager.waitForUnmount(pod.metadata.uid!, never);
  expect(kernel.mounts()).toEqual([]);
});
