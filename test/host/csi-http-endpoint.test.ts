import { renameSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { driverFolder, startDriverProcess } from '../harness/driver-process.ts';
import { freePort } from '../harness/free-port.ts';

test('the driver tells its calls by name and code, its pool, and whether it is well', async () => {
  using place = driverFolder();
  const address = `127.0.0.1:${await freePort()}`;
  await using driver = await startDriverProcess(place.folder, ['--http-endpoint', address]);
  await expect(driver.controller.ControllerGetVolume({ volumeId: 'none' })).rejects.toThrow(/does not exist/);
  const volumeCapabilities = [{ mount: {}, accessMode: { mode: 'SINGLE_NODE_WRITER' as const } }];
  await driver.controller.CreateVolume({ name: 'pvc-1', volumeCapabilities });
  const health = await fetch(`http://${address}/healthz`);
  expect([health.status, await health.text()]).toEqual([200, 'ok']);
  const metrics = await (await fetch(`http://${address}/metrics`)).text();
  const count = (method: string, code: string) =>
    `csi_plugin_operations_seconds_count{driver_name="csi.berth.local",method_name="/csi.v1.Controller/${method}",grpc_status_code="${code}"} 1`;
  expect(metrics).toContain(count('CreateVolume', 'OK'));
  expect(metrics).toContain(count('ControllerGetVolume', 'NotFound'));
  expect(metrics).toContain('berth_csi_volumes{driver_name="csi.berth.local"} 1');
  expect(metrics).toMatch(/^berth_csi_pool_available_bytes\{driver_name="csi.berth.local",pool="default"\} [1-9]\d+$/m);
  // What is told of a pool looks at its disk, which may be gone.
  const pool = join(place.folder, 'pool');
  renameSync(pool, `${pool}.gone`);
  const without = await (await fetch(`http://${address}/metrics`)).text();
  expect(without).toContain('berth_csi_volumes{driver_name="csi.berth.local"} 1');
  expect(without).not.toContain('pool="default"');
  renameSync(`${pool}.gone`, pool);
  expect(await (await fetch(`http://${address}/metrics`)).text()).toContain('pool="default"');
});

test('an address that cannot be is one line that says so', async () => {
  using place = driverFolder();
  const start = (address: string) => startDriverProcess(place.folder, ['--http-endpoint', address]);
  await expect(start('nonsense')).rejects.toThrow(
    /^csi-driver exited with 2: csi-driver: --http-endpoint "nonsense" is not host:port/,
  );
});
