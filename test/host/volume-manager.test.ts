import { spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  chownSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { type Pod, resources, type Volume, type VolumeMount } from '@berth/kube';
import { linuxMounter } from '@berth/linux';
import { expect, test } from 'vitest';
import { ScriptedCsiDriver } from '../harness/scripted-csi-driver.ts';
import {
  aPod,
  bindClaim,
  claimVolume,
  csiDriverObject,
  type VolumeHarness,
  volumeHarness,
} from '../harness/volume-harness.ts';

const driverName = 'bind.csi.test';
const never = new AbortController().signal;

/** Mounts of a harness, deepest last. */
function mountsOf(h: VolumeHarness) {
  return linuxMounter.mounts().filter(({ mountPoint }) => mountPoint.startsWith(`${h.kubeletDir}/`));
}

/** A harness on the real kernel that fails its test when it leaves a mount behind. */
async function realHarness() {
  const h = await volumeHarness({ mounter: linuxMounter });
  h.manager.podsSynced();
  return {
    ...h,
    async [Symbol.asyncDispose]() {
      const left = mountsOf(h);
      for (const { mountPoint } of left.reverse()) linuxMounter.unmount(mountPoint, { lazy: true });
      await h.kill();
      await rm(h.kubeletDir, { recursive: true, force: true });
      expect(left.map(({ mountPoint }) => mountPoint)).toEqual([]);
    },
  };
}

async function mount(h: VolumeHarness, volumes: Volume[], change?: (pod: Pod) => void) {
  const pod = aPod(volumes, change);
  h.manager.setPod(pod);
  const mounted = await h.manager.waitForMount(pod, never);
  const path = (name: string) => (mounted.get(name) as { hostPath: string }).hostPath;
  return { pod, path };
}

async function end(h: VolumeHarness, pod: Pod) {
  h.manager.removePod(pod.metadata.uid!);
  await h.manager.waitForUnmount(pod.metadata.uid!, never);
}

/** A driver that binds `disk/<handle>` to the target, as the directory backend does. */
async function bindDriver(h: VolumeHarness, spec = {}) {
  if (!(await h.client.find(resources.csidrivers, { name: driverName }))) {
    await h.client.create(resources.csidrivers, csiDriverObject(driverName, { fsGroupPolicy: 'File', ...spec }));
  }
  const driver = await new ScriptedCsiDriver({
    name: driverName,
    socket: join(h.kubeletDir, 'csi.sock'),
    registrationSocket: join(h.kubeletDir, 'plugins_registry/reg.sock'),
    onPublish: ({ volumeId, targetPath, readonly }) => {
      const source = join(h.kubeletDir, 'disk', volumeId);
      mkdirSync(source, { recursive: true });
      if (mountsOf(h).some(({ mountPoint }) => mountPoint === targetPath)) return;
      linuxMounter.bind(source, targetPath, { readOnly: readonly });
    },
    onUnpublish: ({ targetPath }) => {
      if (mountsOf(h).some(({ mountPoint }) => mountPoint === targetPath)) linuxMounter.unmount(targetPath);
    },
  }).start();
  await h.until(() => h.registry.find(driverName) !== undefined);
  return driver;
}

test('a claim is bound into its pod, its files go to the fsGroup, a read-only use cannot write', async () => {
  await using h = await realHarness();
  await using _ = await bindDriver(h);
  await bindClaim(h.client, { name: 'c1', driver: driverName });
  const disk = join(h.kubeletDir, 'disk/handle-c1');
  mkdirSync(join(disk, 'sub'), { recursive: true });
  writeFileSync(join(disk, 'sub/file'), 'x', { mode: 0o600 });
  symlinkSync('/etc/passwd', join(disk, 'link'));
  const owner = statSync('/etc/passwd').gid;
  const a = await mount(h, [claimVolume('c1')], (pod) => {
    pod.spec!.securityContext = { fsGroup: 4321 };
  });
  const readOnly = { name: 'ro', persistentVolumeClaim: { claimName: 'c1', readOnly: true } };
  const b = await mount(h, [readOnly]);
  writeFileSync(join(a.path('data'), 'new'), 'y');
  expect(() => writeFileSync(join(b.path('ro'), 'other'), '')).toThrow('EROFS');
  const facts = (name: string) => [lstatSync(join(disk, name)).gid, lstatSync(join(disk, name)).mode & 0o7777];
  expect([facts('sub/file'), facts('sub'), facts('link')[0]]).toEqual([[4321, 0o660], [4321, 0o2775], 4321]);
  expect(statSync('/etc/passwd').gid).toBe(owner);
  await end(h, a.pod);
  await end(h, b.pod);
  expect(readFileSync(join(disk, 'new'), 'utf8')).toBe('y');
});

test('OnRootMismatch leaves the files below a root that is right already, Always changes them', async () => {
  await using h = await realHarness();
  await using _ = await bindDriver(h);
  await bindClaim(h.client, { name: 'c1', driver: driverName });
  const file = join(h.kubeletDir, 'disk/handle-c1/file');
  const withPolicy = (fsGroupChangePolicy: string) => (pod: Pod) => {
    pod.spec!.securityContext = { fsGroup: 4321, fsGroupChangePolicy };
  };
  const first = await mount(h, [claimVolume('c1')], withPolicy('OnRootMismatch'));
  writeFileSync(file, '');
  chownSync(file, 0, 99);
  await end(h, first.pod);
  const second = await mount(h, [claimVolume('c1')], withPolicy('OnRootMismatch'));
  expect(statSync(file).gid).toBe(99);
  await end(h, second.pod);
  const third = await mount(h, [claimVolume('c1')], withPolicy('Always'));
  expect(statSync(file).gid).toBe(4321);
  await end(h, third.pod);
});

test('an emptyDir in memory ends at its size limit; a secret is never on the disk', async () => {
  await using h = await realHarness();
  const data = { key: Buffer.from('value').toString('base64') };
  await h.client.create(resources.secrets, { metadata: { name: 's', namespace: 'default' }, data });
  const volumes: Volume[] = [
    { name: 'mem', emptyDir: { medium: 'Memory', sizeLimit: '1Mi' } },
    { name: 's', secret: { secretName: 's', defaultMode: 0o400 } },
  ];
  const { pod, path } = await mount(h, volumes, (pod) => {
    pod.spec!.securityContext = { fsGroup: 4321 };
  });
  // Its group may read, and no more; kubelet gives it the volume's own directory too.
  const modeOf = (at: string) => (statSync(at).mode & 0o7777).toString(8);
  expect(modeOf(join(path('s'), 'key'))).toBe('440');
  expect([modeOf(join(path('s'), '..data')), statSync(path('s')).gid]).toEqual(['2755', 4321]);
  expect(() => writeFileSync(join(path('mem'), 'big'), Buffer.alloc(2 << 20))).toThrow('ENOSPC');
  expect(mountsOf(h).find(({ mountPoint }) => mountPoint === path('s'))?.fsType).toBe('tmpfs');
  await end(h, pod);
  expect(existsSync(path('s'))).toBe(false);
});

function withMounts(mounts: VolumeMount[]) {
  return (pod: Pod) => {
    pod.spec!.containers[0]!.volumeMounts = mounts;
  };
}

test('subPath makes a directory, takes an existing file and directory, several of one volume, and cleans up at the end', async () => {
  await using h = await realHarness();
  const { pod, path } = await mount(
    h,
    [{ name: 'd', emptyDir: {} }],
    withMounts([
      { name: 'd', mountPath: '/new', subPath: 'a/new' },
      { name: 'd', mountPath: '/file', subPath: 'file', readOnly: true },
      { name: 'd', mountPath: '/inside', subPath: 'link' },
      { name: 'd', mountPath: '/expr', subPathExpr: '$(NAME)/x' },
    ]),
  );
  writeFileSync(join(path('d'), 'file'), 'content');
  mkdirSync(join(path('d'), 'real'));
  symlinkSync('real', join(path('d'), 'link'));
  const { mounts } = await h.manager.containerVolumes(pod, 'c', { NAME: 'web-0' });
  const at = (containerPath: string) => mounts.find((one) => one.containerPath === containerPath)!;
  expect(at('/new').hostPath).toBe(join(h.kubeletDir, 'pods', pod.metadata.uid!, 'volume-subpaths/d/c/0'));
  writeFileSync(join(at('/new').hostPath, 'x'), 'y');
  expect(readFileSync(join(path('d'), 'a/new/x'), 'utf8')).toBe('y');
  expect(readFileSync(at('/file').hostPath, 'utf8')).toBe('content');
  expect(() => writeFileSync(at('/file').hostPath, 'no')).toThrow('EROFS');
  expect(statSync(at('/inside').hostPath).ino).toBe(statSync(join(path('d'), 'real')).ino);
  expect(statSync(join(path('d'), 'web-0/x')).mode & 0o777).toBe(0o777);
  const again = await h.manager.containerVolumes(pod, 'c', { NAME: 'web-0' });
  expect([again.mounts, mountsOf(h).length]).toEqual([mounts, 4]);
  await end(h, pod);
  expect(readdirSync(join(h.kubeletDir, 'pods', pod.metadata.uid!))).toEqual([]);
});

test.for([
  ['a directory outside', (root: string) => symlinkSync('/etc', join(root, 'evil')), 'evil'],
  ['a file outside', (root: string) => symlinkSync('/etc/passwd', join(root, 'evil')), 'evil'],
  ['nothing outside', (root: string) => symlinkSync('/berth-nowhere', join(root, 'evil')), 'evil'],
  ['back steps', (root: string) => symlinkSync('../../../..', join(root, 'evil')), 'evil'],
  ['a way through a link', (root: string) => symlinkSync('/', join(root, 'evil')), 'evil/etc'],
  ['a magic link', (root: string) => symlinkSync('/proc/self/root', join(root, 'evil')), 'evil/etc'],
] as const)("a subPath that leads to %s is refused in kubelet's words", async ([, plant, subPath]) => {
  await using h = await realHarness();
  const { pod, path } = await mount(
    h,
    [{ name: 'd', emptyDir: {} }],
    withMounts([{ name: 'd', mountPath: '/m', subPath }]),
  );
  plant(path('d'));
  await expect(h.manager.containerVolumes(pod, 'c')).rejects.toThrow(
    /^failed to (prepare subPath|create subPath directory) for volumeMount "d" of container "c"$/,
  );
  expect(mountsOf(h)).toEqual([]);
  await end(h, pod);
  expect(existsSync('/berth-nowhere')).toBe(false);
});

test.for([
  ['/etc', 'error SubPath `/etc` must not be an absolute path'],
  ['a/../../etc', "unable to provision SubPath `a/../../etc`: must not contain '..'"],
])('the subPath %s is refused', async ([subPath, words]) => {
  await using h = await realHarness();
  const { pod } = await mount(
    h,
    [{ name: 'd', emptyDir: {} }],
    withMounts([{ name: 'd', mountPath: '/m', subPath: subPath! }]),
  );
  await expect(h.manager.containerVolumes(pod, 'c')).rejects.toThrow(words!);
  await end(h, pod);
});

test('a container that swaps a directory and a link to / all the time never gets anything outside its volume (CVE-2021-25741)', async () => {
  await using h = await realHarness();
  const { pod, path } = await mount(
    h,
    [{ name: 'd', emptyDir: {} }],
    withMounts([{ name: 'd', mountPath: '/m', subPath: 'x/etc' }]),
  );
  const root = path('d');
  mkdirSync(join(root, 'x/etc'), { recursive: true });
  const attack = `const fs=require('fs');process.chdir(${JSON.stringify(root)});fs.symlinkSync('/','link');
    const rename=(a,b)=>{try{fs.renameSync(a,b)}catch{}};
    const remove=(a)=>{try{fs.rmSync(a,{recursive:true,force:true})}catch{}};
    for(;;){if(fs.existsSync('real'))remove('x');else rename('x','real');
    rename('link','x');rename('x','link');rename('real','x')}`;
  const attacker = spawn(process.execPath, ['-e', attack], { stdio: 'ignore' });
  const ended = once(attacker, 'exit');
  try {
    await h.until(() => existsSync(join(root, 'real')), 'the attack');
    const outcomes = { refused: 0, given: 0 };
    for (let i = 0; i < 3000 || Math.min(outcomes.refused, outcomes.given) === 0; i++) {
      const given = await h.manager.containerVolumes(pod, 'c').catch(() => undefined);
      outcomes[given ? 'given' : 'refused']++;
      if (!given) continue;
      const { ino, dev } = statSync(given.mounts[0]!.hostPath);
      expect([ino, dev]).not.toEqual([statSync('/etc').ino, statSync('/etc').dev]);
      expect(mountsOf(h).at(-1)!.root).toContain('kubernetes.io~empty-dir/d/');
    }
    expect(attacker.exitCode).toBe(null);
  } finally {
    attacker.kill('SIGKILL');
    await ended;
  }
  await end(h, pod);
});

test('after a kill -9 running pods keep their mounts, and what nobody wants is taken away', async () => {
  const first = await volumeHarness({ mounter: linuxMounter });
  first.manager.podsSynced();
  await using driver = await bindDriver(first);
  for (const name of ['c1', 'c2']) await bindClaim(first.client, { name, driver: driverName });
  const withSub = withMounts([
    { name: 'data', mountPath: '/data', subPath: 'sub' },
    { name: 'tmp', mountPath: '/tmp' },
  ]);
  const tmp = { name: 'tmp', emptyDir: { medium: 'Memory' } };
  const stays = await mount(first, [claimVolume('c1'), tmp], withSub);
  const goes = await mount(first, [claimVolume('c2'), tmp], withSub);
  await first.manager.containerVolumes(stays.pod, 'c');
  await first.manager.containerVolumes(goes.pod, 'c');
  writeFileSync(join(stays.path('tmp'), 'kept'), 'in memory');
  expect(mountsOf(first)).toHaveLength(6);
  await first.kill();

  const { kubeletDir, transport, clock } = first;
  const h = await volumeHarness({ mounter: linuxMounter, kubeletDir, transport, clock });
  await h.until(() => h.registry.find(driverName) !== undefined);
  h.manager.setPod(stays.pod);
  await h.manager.waitForMount(stays.pod, never);
  expect(mountsOf(h)).toHaveLength(6);
  h.manager.podsSynced();
  await h.until(() => mountsOf(h).length === 3 && driver.staged.size === 1);
  expect(readFileSync(join(stays.path('tmp'), 'kept'), 'utf8')).toBe('in memory');
  expect(existsSync(join(kubeletDir, 'disk/handle-c2/sub'))).toBe(true);
  await end(h, stays.pod);
  await h.manager.waitForUnmount(goes.pod.metadata.uid!, never);
  await h.until(() => driver.staged.size === 0);
  const left = mountsOf(h);
  for (const { mountPoint } of left) linuxMounter.unmount(mountPoint, { lazy: true });
  await h[Symbol.asyncDispose]();
  expect(left).toEqual([]);
});

test("an emptyDir with someone else's mount in it is not removed, and its data stays", async () => {
  await using h = await realHarness();
  const { pod, path } = await mount(h, [{ name: 'd', emptyDir: {} }]);
  const foreign = join(h.kubeletDir, 'foreign');
  mkdirSync(foreign);
  writeFileSync(join(foreign, 'precious'), 'x');
  mkdirSync(join(path('d'), 'inner'));
  linuxMounter.bind(foreign, join(path('d'), 'inner'));
  h.manager.removePod(pod.metadata.uid!);
  for (let i = 0; i < 5; i++) await h.clock.advance(1000);
  expect(existsSync(join(foreign, 'precious'))).toBe(true);
  linuxMounter.unmount(join(path('d'), 'inner'));
  await h.until(() => !existsSync(path('d')));
  expect(existsSync(join(foreign, 'precious'))).toBe(true);
});
