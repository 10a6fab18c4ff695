import { csiController, csiIdentity, GrpcServer, grpcError } from '@berth/protos';
import { expect, test } from 'vitest';
import { csictl, startCsictl, testFolder } from '../testing/run-csictl.ts';
import { statisticsOf } from './percentiles.ts';

/** A driver without a node that fails every n-th deletion the first time, and may let creations wait. */
async function startDriver(path: string, { failEvery = 0, gate }: { failEvery?: number; gate?: Promise<void> } = {}) {
  const volumes = new Set<string>();
  const refused = new Set<string>();
  let [count, most] = [0, 0];
  const server = new GrpcServer()
    .add(csiIdentity, {
      GetPluginCapabilities: async () => ({ capabilities: [{ service: { type: 'CONTROLLER_SERVICE' as const } }] }),
    })
    .add(csiController, {
      ControllerGetCapabilities: async () => ({ capabilities: [{ rpc: { type: 'CREATE_DELETE_VOLUME' as const } }] }),
      CreateVolume: async () => {
        const volumeId = `v-${count++}`;
        volumes.add(volumeId);
        most = Math.max(most, volumes.size);
        if (count > 5) await gate;
        return { volume: { volumeId } };
      },
      DeleteVolume: async ({ volumeId }) => {
        if (failEvery > 0 && Number(volumeId.slice(2)) % failEvery === 1 && !refused.has(volumeId)) {
          refused.add(volumeId);
          throw grpcError('INTERNAL', 'disk on fire');
        }
        volumes.delete(volumeId);
        return {};
      },
    });
  await server.listen(`unix://${path}/csi.sock`);
  return { volumes, count: () => count, most: () => most, [Symbol.asyncDispose]: () => server[Symbol.asyncDispose]() };
}

test('each step has its percentiles, and so many volumes are under way as asked for', async () => {
  using place = testFolder();
  await using driver = await startDriver(place.path);
  const { exitCode, out } = await csictl(
    'bench',
    '--endpoint',
    place.endpoint,
    '--count',
    '40',
    '--concurrency',
    '4',
    '-o',
    'json',
  );
  const result = JSON.parse(out) as {
    steps: { step: string; count: number; errors: number; p50Ms: number; maxMs: number }[];
  };
  expect({ exitCode, result }).toMatchObject({
    exitCode: 0,
    result: {
      concurrency: 4,
      volumes: 40,
      failed: 0,
      steps: [
        { step: 'create', count: 40 },
        { step: 'delete', count: 40 },
      ],
    },
  });
  for (const { p50Ms, maxMs } of result.steps) expect(maxMs).toBeGreaterThanOrEqual(p50Ms);
  expect(driver.most()).toBeLessThanOrEqual(4);
  expect(driver.volumes.size).toBe(0);
});

test('what fails is counted, told, and taken back', async () => {
  using place = testFolder();
  await using driver = await startDriver(place.path, { failEvery: 10 });
  const ran = await csictl('bench', '--endpoint', place.endpoint, '--count', '30');
  expect(ran).toMatchObject({
    exitCode: 1,
    err: expect.stringContaining('3 volumes failed, the first at delete: disk on fire'),
  });
  expect(ran.out).toMatch(/delete +27 +3 /);
  expect(driver.volumes.size).toBe(0);
});

test('Ctrl-C ends it and takes back what is under way', async () => {
  using place = testFolder();
  let open: () => void = () => undefined;
  const gate = new Promise<void>((resolve) => {
    open = resolve;
  });
  await using driver = await startDriver(place.path, { gate });
  const run = startCsictl(['bench', '--endpoint', place.endpoint, '--duration', '1h', '--concurrency', '3']);
  await expect.poll(() => driver.count()).toBeGreaterThan(5);
  run.interrupt();
  open();
  expect(await run.ended).toMatchObject({ exitCode: 1, err: expect.stringContaining('interrupted') });
  expect(driver.volumes.size).toBe(0);
});

const wrong = [
  ['--concurrency', '0'],
  ['--count', 'many'],
  ['--duration', '5'],
  ['--count', '-1'],
];

for (const flags of wrong) {
  test(`${flags.join(' ')} is refused`, async () => {
    expect(await csictl('bench', '--endpoint', 'unix:///nonexistent', ...flags)).toMatchObject({
      exitCode: 2,
      out: '',
    });
  });
}

test('percentiles are of the values there are', () => {
  const times = Array.from({ length: 100 }, (_, index) => 100 - index);
  expect(statisticsOf('x', times, 1)).toEqual({
    ...{ step: 'x', count: 100, errors: 1, p50Ms: 50, p90Ms: 90, p99Ms: 99, maxMs: 100, meanMs: 50.5 },
  });
  expect(statisticsOf('x', [], 0)).toMatchObject({ count: 0, p50Ms: 0, maxMs: 0, meanMs: 0 });
  expect(statisticsOf('x', [3], 0)).toMatchObject({ p50Ms: 3, p99Ms: 3, maxMs: 3 });
});
