import { join } from 'node:path';
import { resources } from '@berth/kube';
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

const driverName = 'fake.csi.test';
const never = new AbortController().signal;

async function withDriver(h: VolumeHarness) {
  await h.client.create(resources.csidrivers, csiDriverObject(driverName));
  const driver = await new ScriptedCsiDriver({
    name: driverName,
    socket: join(h.kubeletDir, 'fake.sock'),
    registrationSocket: join(h.kubeletDir, 'plugins_registry', 'fake-reg.sock'),
  }).start();
  await h.until(() => h.registry.find(driverName) !== undefined, 'the registration');
  return driver;
}

/** Pods with a claim each, mounted by a process that was killed then. */
async function mountedBeforeACrash(count: number) {
  const first = await volumeHarness();
  const driver = await withDriver(first);
  first.manager.podsSynced();
  const pods = Array.from({ length: count }, (_, n) => aPod([claimVolume(`c${n}`)]));
  for (const [n, pod] of pods.entries()) {
    await bindClaim(first.client, { name: `c${n}`, driver: driverName });
    first.manager.setPod(pod);
    await first.manager.waitForMount(pod, never);
  }
  await first.kill();
  const { kubeletDir, transport, clock, mounter } = first;
  const h = await volumeHarness({ kubeletDir, transport, clock, mounter });
  await h.until(() => h.registry.find(driverName) !== undefined);
  driver.calls.length = 0;
  return { driver, h, pods, uids: pods.map(({ metadata }) => metadata.uid as string) };
}

test('a pod nobody has told of keeps what it has, and no other pod waits for it', async () => {
  const { driver: scripted, h: restarted, pods, uids } = await mountedBeforeACrash(4);
  await using driver = scripted;
  await using h = restarted;
  const [silent = '', ended = '', living = '', early = ''] = uids;
  h.manager.removePod(early);
  h.manager.podsSynced(uids);
  await h.manager.waitForUnmount(early, never);
  h.manager.removePod(ended);
  await h.manager.waitForUnmount(ended, never);
  h.manager.setPod(pods[2]!);
  await h.manager.waitForMount(pods[2]!, never);
  for (let second = 0; second < 300; second++) await h.clock.advance(1000);
  expect([...driver.staged].sort()).toEqual(['handle-c0', 'handle-c2']);
  expect([...driver.published].filter((path) => path.includes(silent) || path.includes(living))).toHaveLength(2);
  expect(driver.history.filter((call) => call.endsWith('handle-c0'))).toEqual([]);
  h.manager.removePod(silent);
  await h.manager.waitForUnmount(silent, never);
  expect([...driver.staged]).toEqual(['handle-c2']);
});

test('a pod that is removed while its volume is being staged waits until it is unstaged', async () => {
  await using h = await volumeHarness();
  await using driver = await withDriver(h);
  await bindClaim(h.client, { name: 'c1', driver: driverName });
  h.manager.podsSynced();
  // The driver stages, and its answer does not come.
  driver.script('NodeStageVolume', 'DEADLINE_EXCEEDED');
  driver.script('NodeUnstageVolume', 'UNAVAILABLE', 'UNAVAILABLE');
  const pod = aPod([claimVolume('c1')]);
  const uid = pod.metadata.uid as string;
  h.manager.setPod(pod);
  await h.until(() => driver.history.length === 1, 'the call');
  h.manager.removePod(uid);
  let gone = false;
  const waiting = h.manager.waitForUnmount(uid, never).then(() => {
    gone = true;
  });
  await h.until(() => {
    expect(gone && driver.staged.size > 0).toBe(false);
    return gone;
  }, 'the end');
  await waiting;
  expect(driver.history).toEqual([
    'NodeStageVolume handle-c1',
    ...Array.from({ length: 3 }, () => 'NodeUnstageVolume handle-c1'),
  ]);
});

test('a pod that is removed while its volume is being staged waits no longer once another pod wants it', async () => {
  await using h = await volumeHarness();
  await using driver = await withDriver(h);
  await bindClaim(h.client, { name: 'c1', driver: driverName });
  h.manager.podsSynced();
  driver.script('NodeStageVolume', 'DEADLINE_EXCEEDED');
  driver.script('NodeUnstageVolume', ...Array.from({ length: 50 }, () => 'UNAVAILABLE' as const));
  const [first, second] = [aPod([claimVolume('c1')]), aPod([claimVolume('c1')])];
  h.manager.setPod(first);
  await h.until(() => driver.history.length === 1, 'the call');
  h.manager.removePod(first.metadata.uid as string);
  const waiting = h.manager.waitForUnmount(first.metadata.uid as string, never);
  h.manager.setPod(second);
  await waiting;
  let mounted = false;
  void h.manager.waitForMount(second, never).then(() => {
    mounted = true;
  });
  await h.until(() => mounted, 'the second pod');
  expect([...driver.staged]).toEqual(['handle-c1']);
});
