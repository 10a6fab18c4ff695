import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { systemClock } from '@berth/kit';
import {
  csiController,
  csiIdentity,
  csiNode,
  csiSnapshotMetadata,
  GrpcConnection,
  GrpcServer,
  grpcError,
} from '@berth/protos';
import { expect, test } from 'vitest';
import { csictl, startCsictl, testFolder } from '../testing/run-csictl.ts';
import type { CallRecord } from './call-record.ts';
import { parseFault } from './fault.ts';

const secret = 'hunter2-"quoted"';

interface Behaviour {
  /** Begins every id: what two drivers never have in common. */
  readonly prefix?: string;
  /** Answers with less than was asked for. */
  readonly isStingy?: boolean;
}

/** A small driver with a memory, which repeats what it is told even where it must not. */
async function startDriver(path: string, { prefix = 'a', isStingy = false }: Behaviour = {}) {
  const volumes = new Map<string, { volumeId: string; capacityBytes: string; volumeContext: Record<string, string> }>();
  const calls: string[] = [];
  const server = new GrpcServer()
    .add(csiIdentity, { GetPluginInfo: async () => ({ name: `${prefix}.example.com`, vendorVersion: '1' }) })
    .add(csiController, {
      CreateVolume: async ({ name, capacityRange, secrets }) => {
        calls.push(`create ${name}`);
        if (name === 'wrong') throw grpcError('UNKNOWN', `no volume with ${JSON.stringify(secrets)}`);
        const id = `${prefix}-${volumes.size}`;
        const capacityBytes = isStingy ? '1' : (capacityRange?.requiredBytes ?? '0');
        const volume = {
          volumeId: id,
          capacityBytes,
          volumeContext: { home: `${prefix}:${id}`, echo: secrets['key'] ?? '' },
        };
        volumes.set(id, volume);
        return { volume };
      },
      DeleteVolume: async ({ volumeId }) => {
        calls.push(`delete ${volumeId}`);
        volumes.delete(volumeId);
        return {};
      },
      ListVolumes: async () => ({
        entries: [...[...volumes.values()].map((volume) => ({ volume })), { volume: { volumeId: `${prefix}-other` } }],
      }),
    })
    .add(csiNode, {
      NodeGetInfo: async () => ({ nodeId: `${prefix}-node`, accessibleTopology: { segments: { place: prefix } } }),
      NodeUnstageVolume: async () => ({}),
      NodeStageVolume: async ({ volumeId, stagingTargetPath, volumeContext, secrets }) => {
        calls.push(
          `stage ${volumeId} ${volumeContext['home']} ${secrets['key'] ?? '-'} ${existsSync(stagingTargetPath)}`,
        );
        return {};
      },
    })
    .add(csiSnapshotMetadata, {
      GetMetadataAllocated: async function* ({ snapshotId }) {
        for (const byteOffset of ['0', '8192']) yield { blockMetadata: [{ byteOffset, sizeBytes: '4096' }] };
        if (snapshotId === 'broken') throw grpcError('ABORTED', 'changed');
      },
    });
  await server.listen(`unix://${path}/csi.sock`);
  return { calls, volumes, [Symbol.asyncDispose]: () => server[Symbol.asyncDispose]() };
}

/** `csictl record` between a driver and who calls `proxy`, until `stop`. */
async function startRecord(path: string, ...flags: string[]) {
  const socket = `unix://${path}/proxy.sock`;
  const run = startCsictl(['record', '--endpoint', `unix://${path}/csi.sock`, '--listen', socket, ...flags]);
  await expect.poll(() => run.text.err).toContain('passing calls on');
  const connection = new GrpcConnection(socket);
  const stop = async () => {
    connection[Symbol.dispose]();
    run.interrupt();
    return await run.ended;
  };
  const [controller, node] = [connection.service(csiController), connection.service(csiNode)];
  return { connection, controller, node, metadata: connection.service(csiSnapshotMetadata), stop };
}

function readCalls(file: string): CallRecord[] {
  const [, ...lines] = readFileSync(file, 'utf8').trimEnd().split('\n');
  return lines.map((line) => JSON.parse(line) as CallRecord);
}

const capability = {
  mount: { mountFlags: ['password=swordfish'] },
  accessMode: { mode: 'SINGLE_NODE_WRITER' as const },
};

test('a recording has each call, its answer and its error, and nothing that is secret', async () => {
  using place = testFolder();
  await using driver = await startDriver(place.path);
  const file = join(place.path, 'calls');
  const proxy = await startRecord(place.path, '--file', file);
  const secrets = { key: secret };
  const created = await proxy.controller.CreateVolume({ name: 'v', secrets, capacityRange: { requiredBytes: '5' } });
  expect(created.volume).toMatchObject({ volumeId: 'a-0', volumeContext: { echo: secret } });
  // On disk before its caller has the answer.
  expect(readCalls(file)).toMatchObject([{ method: 'CreateVolume', code: 'OK' }]);
  const failed = proxy.controller.CreateVolume({ name: 'wrong', secrets });
  await expect(failed).rejects.toMatchObject({ code: 'UNKNOWN', message: expect.stringContaining('no volume with') });
  const volumeContext = { home: 'h', 'csi.storage.k8s.io/serviceAccount.tokens': 'token-of-a-pod' };
  const stage = { volumeId: 'a-0', stagingTargetPath: '/x', volumeCapability: capability, volumeContext };
  await proxy.node.NodeStageVolume({ ...stage, publishContext: { chap: 'chap-password' } });
  const blocks = await Array.fromAsync(proxy.metadata.GetMetadataAllocated({ snapshotId: 's' }));
  expect(blocks.map(({ blockMetadata }) => blockMetadata[0]?.byteOffset)).toEqual(['0', '8192']);
  const broken = Array.fromAsync(proxy.metadata.GetMetadataAllocated({ snapshotId: 'broken' }));
  await expect(broken).rejects.toMatchObject({ code: 'ABORTED' });
  expect(await proxy.stop()).toMatchObject({ exitCode: 0, err: expect.stringContaining('5 calls recorded in') });
  const text = readFileSync(file, 'utf8');
  for (const word of ['hunter2', 'swordfish', 'token-of-a-pod', 'chap-password']) expect(text).not.toContain(word);
  expect(readCalls(file)).toMatchObject([
    { seq: 1, request: { secrets: { key: '***stripped***' } }, responses: [{ volume: { volumeId: 'a-0' } }] },
    { seq: 2, code: 'UNKNOWN', message: expect.stringContaining('***stripped***'), responses: [] },
    {
      seq: 3,
      request: { volumeCapability: { mount: { mountFlags: ['***stripped***'] } }, volumeContext: { home: 'h' } },
    },
    { seq: 4, method: 'GetMetadataAllocated', code: 'OK', responses: [{}, {}] },
    { seq: 5, code: 'ABORTED', responses: [{}, {}] },
  ]);
  expect(statSync(file).mode & 0o777).toBe(0o600);
  expect(driver.calls).toHaveLength(3);
});

test('a recording is bounded: calls go on without it, and it says so', async () => {
  using place = testFolder();
  await using _driver = await startDriver(place.path);
  const file = join(place.path, 'calls');
  const proxy = await startRecord(place.path, '--file', file, '--max-size', '2Ki');
  for (let n = 0; n < 30; n++) await proxy.controller.DeleteVolume({ volumeId: `v-${n}` });
  await proxy.controller.DeleteVolume({ volumeId: 'v' });
  const { exitCode, err } = await proxy.stop();
  expect({ exitCode, err }).toMatchObject({
    exitCode: 1,
    err: expect.stringMatching(/full at 2048 bytes[\s\S]* calls are not in/),
  });
  expect(statSync(file).size).toBeLessThanOrEqual(2048);
  expect(readCalls(file).length).toBeGreaterThan(3);
});

test('a call larger than is kept is recorded without its messages', async () => {
  using place = testFolder();
  await using _driver = await startDriver(place.path);
  const file = join(place.path, 'calls');
  const proxy = await startRecord(place.path, '--file', file);
  const { volume } = await proxy.controller.CreateVolume({ name: 'x', secrets: { key: 'y'.repeat(300_000) } });
  expect(volume?.volumeContext['echo']).toHaveLength(300_000);
  await proxy.stop();
  expect(readCalls(file)).toMatchObject([{ omitted: 1, responses: [] }]);
  expect(statSync(file).size).toBeLessThan(2000);
});

test('faults drop, delay, duplicate and refuse the call they name, and no other', async () => {
  using place = testFolder();
  await using driver = await startDriver(place.path);
  const faults = [
    'DeleteVolume:2:drop-reply=UNAVAILABLE',
    'delete-volume:3:drop-request',
    'DeleteVolume:4:error=RESOURCE_EXHAUSTED',
    'DeleteVolume:5:duplicate',
    'DeleteVolume:6:delay=30ms',
    'NodeStageVolume:9:duplicate',
  ];
  const proxy = await startRecord(
    place.path,
    '--file',
    join(place.path, 'calls'),
    ...faults.flatMap((text) => ['--fault', text]),
  );
  const remove = (volumeId: string, timeoutMs = 5000) =>
    proxy.controller.DeleteVolume({ volumeId }, { timeoutMs }).then(
      () => 'OK',
      ({ code }: { code: string }) => code,
    );
  expect(await remove('1')).toBe('OK');
  expect(await remove('2')).toBe('UNAVAILABLE');
  expect(await remove('3', 100)).toBe('DEADLINE_EXCEEDED');
  expect(await remove('4')).toBe('RESOURCE_EXHAUSTED');
  expect(await remove('5')).toBe('OK');
  const started = systemClock.monotonicMs();
  expect(await remove('6')).toBe('OK');
  expect(systemClock.monotonicMs() - started).toBeGreaterThanOrEqual(29);
  expect(await remove('7')).toBe('OK');
  expect(driver.calls).toEqual(['1', '2', '5', '5', '6', '7'].map((id) => `delete ${id}`));
  const { err } = await proxy.stop();
  // What is written is the driver's answer, and of calls that did not come to it what the caller gets.
  const codes = ['OK', 'OK', 'CANCELLED', 'RESOURCE_EXHAUSTED', 'OK', 'OK', 'OK'];
  expect(readCalls(join(place.path, 'calls')).map(({ code }) => code)).toEqual(codes);
  expect(err).toContain('the fault NodeStageVolume:9:duplicate never came to pass');
});

const wrongFaults = [
  '',
  'NodeStageVolume',
  'NodeStageVolume:0:delay=1s',
  'NodeStageVolume:x:duplicate',
  'Format:1:duplicate',
];
wrongFaults.push(
  '*:1:delay',
  '*:1:delay=soon',
  '*:1:error=OK',
  '*:1:error=EIO',
  '*:1:explode',
  '*:1:duplicate:2',
  '*:1:error=constructor',
);

for (const text of wrongFaults) {
  test(`the fault ${JSON.stringify(text)} is refused`, () => {
    expect(() => parseFault(text)).toThrow(expect.objectContaining({ code: 'USAGE' }));
  });
}

/** Creates, stages, lists and deletes, two things at once. */
async function record(path: string): Promise<string> {
  await using _driver = await startDriver(path);
  const file = join(path, 'calls');
  const proxy = await startRecord(path, '--file', file);
  const create = (name: string) =>
    proxy.controller.CreateVolume({ name, secrets: { key: 'swordfish' }, capacityRange: { requiredBytes: '7' } });
  const [{ volume }] = [await create('one'), await create('two')];
  const { volumeId, volumeContext } = volume!;
  await proxy.node.NodeStageVolume({
    volumeId,
    volumeContext: { ...volumeContext, pod: 'p' },
    stagingTargetPath: '/nonexistent/stage',
    volumeCapability: capability,
    secrets: { key: 'swordfish' },
  });
  await Promise.all([proxy.controller.ListVolumes({}), proxy.controller.DeleteVolume({ volumeId })]);
  await proxy.stop();
  return file;
}

test('a recording plays at another driver, with its ids, contexts, secrets and paths', async () => {
  using place = testFolder();
  const file = await record(place.path);
  await using other = await startDriver(place.path, { prefix: 'bb' });
  const secretFile = join(place.path, 'secrets');
  writeFileSync(secretFile, 'key: salmon');
  const paths = ['--map-path', `/nonexistent=${place.path}/new`];
  const run = ['replay', file, '--endpoint', place.endpoint, '--secrets-file', secretFile, ...paths];
  const { exitCode, out, err } = await csictl(...run, '--clean');
  expect({ exitCode, out, err }).toEqual({
    exitCode: 0,
    out: '5 calls of a.example.com played, 0 different\n',
    err: 'not in the recording, so not sent: volumeContext, mountFlags (--secrets-file gives secrets)\n'.replace(
      'volumeContext, ',
      '',
    ),
  });
  expect(other.calls.slice(0, 4)).toEqual([
    expect.stringMatching(/^create one-\w{5}$/),
    expect.stringMatching(/^create two-\w{5}$/),
    'stage bb-0 bb:bb-0 salmon true',
    'delete bb-0',
  ]);
  expect(other.volumes.size).toBe(0);
  expect(existsSync(join(place.path, 'new'))).toBe(false);
});

test('a driver that answers otherwise makes the replay fail, and it says where', async () => {
  using place = testFolder();
  const file = await record(place.path);
  await using other = await startDriver(place.path, { isStingy: true });
  const ran = await csictl('replay', file, '--endpoint', place.endpoint, '--keep-names');
  expect(other.calls).toContain('create two');
  expect(ran.exitCode).toBe(1);
  expect(ran.out).toMatch(/1 +CreateVolume +OK +OK +volume\.capacityBytes: 7 → 1\n/);
  expect(ran.err).toContain('left at the driver: volume a-1\n');
  expect(ran.err).toContain('secrets');
});

test('calls that faults kept from the driver are not played', async () => {
  using place = testFolder();
  const file = join(place.path, 'calls');
  {
    await using _driver = await startDriver(place.path);
    const proxy = await startRecord(place.path, '--file', file, '--fault', 'DeleteVolume:1:error=ABORTED');
    await expect(proxy.controller.DeleteVolume({ volumeId: 'v' })).rejects.toMatchObject({ code: 'ABORTED' });
    await proxy.controller.DeleteVolume({ volumeId: 'v' });
    await proxy.stop();
  }
  await using other = await startDriver(place.path);
  expect(await csictl('replay', file, '--endpoint', place.endpoint)).toMatchObject({ exitCode: 0 });
  expect(other.calls).toEqual(['delete v']);
});

const header = '{"recording":1,"time":"","driver":"d","version":"1"}';
const recordings: [what: string, text: string, err: RegExp][] = [
  ['nothing', '', /line 1: /],
  ['something else', '{"apiVersion":"v1"}\n', /line 1: it does not begin as a recording/],
  ['a line that is no JSON', `${header}\n{\n`, /line 2: it is not JSON/],
  ['an RPC nobody has', `${header}\n{"method":"Format"}\n`, /line 2: it calls no RPC/],
  ['half a call', `${header}\n{"method":"Probe","seq":1}\n`, /line 2: parts of the call are missing/],
  [
    'a request that is none',
    `${header}\n{"method":"Probe","seq":1,"startMs":0,"ms":0,"code":"OK","responses":[],"request":{"x":1}}\n`,
    /line 2: x: ProbeRequest has no such field/,
  ],
];

for (const [what, text, err] of recordings) {
  test(`a recording of ${what} is refused before a call is made`, async () => {
    using place = testFolder();
    await using driver = await startDriver(place.path);
    const file = join(place.path, 'calls');
    writeFileSync(file, text);
    const ran = await csictl('replay', file, '--endpoint', place.endpoint);
    expect(ran).toMatchObject({ exitCode: 2, out: '', err: expect.stringMatching(err) });
    expect(driver.calls).toEqual([]);
  });
}

test('record neither overwrites a file nor listens at the driver itself', async () => {
  using place = testFolder();
  await using _driver = await startDriver(place.path);
  const file = join(place.path, 'calls');
  writeFileSync(file, 'precious');
  const run = ['record', '--endpoint', place.endpoint, '--listen'];
  const there = await csictl(...run, `unix://${place.path}/p.sock`, '--file', file);
  expect(there).toMatchObject({ exitCode: 1, err: expect.stringContaining('is there already') });
  expect(readFileSync(file, 'utf8')).toBe('precious');
  expect(await csictl(...run, place.endpoint, '--fault', '*:1:duplicate')).toMatchObject({ exitCode: 2 });
  expect(await csictl(...run, `unix://${place.path}/p.sock`)).toMatchObject({ exitCode: 2 });
});
