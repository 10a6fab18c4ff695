import { FakeClock, silentLogger } from '@berth/kit';
import { expect, test } from 'vitest';
import { ActualWorld } from '../actual-world/actual-world.ts';
import type { DevicePlugin } from '../plugins/volume-plugin.ts';
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
