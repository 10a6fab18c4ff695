import { FakeClock, silentLogger } from '@berth/kit';
import { expect, test } from 'vitest';
import { ActualWorld } from '../actual-world/actual-world.ts';
import type { DevicePlugin, VolumePlugin } from '../plugins/volume-plugin.ts';
import type { Operation } from '../reconcile/operation.ts';
import type { VolumeSpec } from '../volume-spec.ts';
import { Executor } from './executor.ts';

const name = 'kubernetes.io/csi/d^h';
const never = new AbortController().signal;
const spec = { uniqueName: name, plugin: 'kubernetes.io/csi', specName: 'pv', mode: 'Filesystem' } as VolumeSpec;
const mountDevice: Operation = { kind: 'mount-device', spec: { ...spec, pod: { metadata: {} } } as VolumeSpec };

/** An executor whose driver fails when told to. */
function world() {
  const started = Promise.withResolvers<void>();
  const { promise, reject } = Promise.withResolvers<void>();
  const mountDevice = () => {
    started.resolve();
    return promise;
  };
  const plugin = { mountDevice } as Partial<DevicePlugin> as DevicePlugin;
  const executor = new Executor({
    plugins: new Map([[spec.plugin, plugin]]),
    actual: new ActualWorld(() => undefined),
    clock: new FakeClock(),
    log: silentLogger,
    events: { event: () => undefined },
    onRefreshDue: () => undefined,
    cleanSubPaths: () => undefined,
  });
  return { executor, started: started.promise, fail: () => reject(new Error('no such driver')) };
}

test('what failed is tried again after half a second', async () => {
  const { executor, fail } = world();
  fail();
  await executor.run(name, mountDevice, never);
  expect(executor.waitMs(name, mountDevice)).toBe(500);
});

test('an operation under way while what it fails on changes is tried again at once', async () => {
  const { executor, started, fail } = world();
  const run = executor.run(name, mountDevice, never);
  await started;
  executor.forgive(name);
  fail();
  await run;
  expect(executor.waitMs(name, mountDevice)).toBe(0);
});

const content = 'kubernetes.io/configmap/uid-cm';
const mountPod: Operation = {
  kind: 'mount-pod',
  spec: {
    uniqueName: content,
    plugin: 'kubernetes.io/configmap',
    specName: 'cm',
    mode: 'Filesystem',
    podUid: 'uid',
  } as VolumeSpec,
};

/** An executor whose plugin does `during` while it sets a pod's volume up; `wishes` has whether a renewal is due afterwards. */
function contentWorld() {
  const actual = new ActualWorld(() => undefined);
  let during = () => undefined as unknown;
  const setUp: VolumePlugin['setUp'] = async () => {
    await during();
    return {};
  };
  const plugin = { setUp } as Partial<VolumePlugin> as VolumePlugin;
  const executor = new Executor({
    ...{ plugins: new Map([['kubernetes.io/configmap', plugin]]), actual, clock: new FakeClock(), log: silentLogger },
    ...{ events: { event: () => undefined }, onRefreshDue: () => undefined, cleanSubPaths: () => undefined },
  });
  const run = async (next: () => unknown) => {
    during = next;
    await executor.run(content, mountPod, never);
    return actual.podVolume(content, 'uid')?.refresh;
  };
  return { actual, run };
}

test('content that changes while it is written, at first or again, is written once more', async () => {
  const { actual, run } = contentWorld();
  const change = () => actual.requireRefresh(content, 'uid');
  expect(await run(change)).toBe(true);
  expect(await run(change)).toBe(true);
  expect(await run(() => undefined)).toBe(false);
});

test('content whose renewal fails stays mounted and is still to be renewed', async () => {
  const { actual, run } = contentWorld();
  await run(() => undefined);
  actual.requireRefresh(content, 'uid');
  expect(await run(() => Promise.reject(new Error('no such key')))).toBe(true);
  expect(actual.podVolume(content, 'uid')?.state).toBe('done');
  expect(await run(() => undefined)).toBe(false);
});
