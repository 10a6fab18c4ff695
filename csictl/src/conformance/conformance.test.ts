import { chmodSync, existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { seededRng, systemClock } from '@berth/kit';
import {
  csiController,
  csiGroupController,
  csiIdentity,
  csiNode,
  csiSnapshotMetadata,
  GrpcConnection,
  GrpcServer,
  grpcError,
} from '@berth/protos';
import { Metadata, Server, ServerCredentials } from '@grpc/grpc-js';
import { expect, test } from 'vitest';
import { csictl, testFolder } from '../testing/run-csictl.ts';
import { allChecks } from './all-checks.ts';
import { junitOf } from './report.ts';
import { type CheckResult, runChecks } from './run-checks.ts';

const rpcs = <T extends string>(...types: T[]) => ({ capabilities: types.map((type) => ({ rpc: { type } })) });

/** A driver that says yes to everything and does nothing: it breaks nearly every rule there is. */
async function yesMan(path: string, forgets = false) {
  const volume = { capacityBytes: '1' };
  const snapshot = { snapshotId: 'the-snapshot', readyToUse: true, sizeBytes: '100' };
  let count = 0;
  let deleting = 0;
  /** One that forgets gives another, longer id each time, and cleans up more than is its own. */
  const idOf = (id: string) => (forgets ? id.padEnd(200 + count++, 'x') : id);
  const server = new GrpcServer()
    .add(csiIdentity, {
      GetPluginInfo: async () => ({ name: '-no name-', vendorVersion: '' }),
      GetPluginCapabilities: async () => ({
        capabilities: [
          { service: { type: 'CONTROLLER_SERVICE' as const } },
          { service: { type: 'GROUP_CONTROLLER_SERVICE' as const } },
          { service: { type: 'SNAPSHOT_METADATA_SERVICE' as const } },
          { volumeExpansion: { type: 'ONLINE' as const } },
        ],
      }),
      Probe: async () => {
        if (++count > 32) throw grpcError('RESOURCE_EXHAUSTED', 'probed too often');
        return {};
      },
    })
    .add(csiController, {
      ControllerGetCapabilities: async () =>
        rpcs(
          'CREATE_DELETE_VOLUME',
          'LIST_VOLUMES',
          'GET_CAPACITY',
          'CREATE_DELETE_SNAPSHOT',
          'LIST_SNAPSHOTS',
          'CLONE_VOLUME',
          'EXPAND_VOLUME',
          'PUBLISH_UNPUBLISH_VOLUME',
          'PUBLISH_READONLY',
          'MODIFY_VOLUME',
          'GET_VOLUME_HEALTH',
          'LIST_VOLUME_HEALTH',
        ),
      ControllerPublishVolume: async () => ({ publishContext: { turn: String(count++) } }),
      ControllerUnpublishVolume: async ({ nodeId }) => {
        if (nodeId === '') throw grpcError('INVALID_ARGUMENT', 'which node?');
        return {};
      },
      ControllerModifyVolume: async () => ({}),
      ControllerGetVolumeHealth: async () => ({ volumeHealth: { volumeId: 'another' } }),
      ControllerListVolumeHealth: async () => ({ entries: [] }),
      CreateVolume: async ({ secrets, name }) => {
        if ('password' in secrets)
          throw grpcError('INTERNAL', `mount -o ${JSON.stringify(secrets)}\n    at f (a.js:1)`);
        if (forgets && /[^ -~]/.test(name)) throw grpcError('INVALID_ARGUMENT', 'ASCII only');
        return { volume: { ...volume, volumeId: idOf('v') } };
      },
      DeleteVolume: async ({ volumeId }) => {
        if (volumeId.startsWith('csictl-nobody')) throw grpcError('NOT_FOUND', 'gone');
        if (forgets && deleting > 0) throw grpcError('INTERNAL', 'one at a time');
        deleting++;
        await new Promise((resolve) => setImmediate(resolve));
        deleting--;
        return {};
      },
      ValidateVolumeCapabilities: async () => ({ confirmed: forgets ? null : {} }),
      ListVolumes: async () => ({ entries: [{ volume: { volumeId: 'a' } }, { volume: { volumeId: 'b' } }] }),
      GetCapacity: async () => ({ availableCapacity: '-5' }),
      CreateSnapshot: async () => ({ snapshot: { ...snapshot, snapshotId: idOf('s') } }),
      DeleteSnapshot: async ({ snapshotId }) => {
        if (snapshotId.startsWith('csictl-nobody')) throw grpcError('INTERNAL', 'rm failed');
        return {};
      },
      ListSnapshots: async () => ({ entries: [] }),
      ControllerExpandVolume: async () => ({ capacityBytes: '7' }),
    })
    .add(csiGroupController, {
      GroupControllerGetCapabilities: async () => rpcs('CREATE_DELETE_GET_VOLUME_GROUP_SNAPSHOT'),
      CreateVolumeGroupSnapshot: async () => ({ groupSnapshot: { groupSnapshotId: 'g', snapshots: [snapshot] } }),
      DeleteVolumeGroupSnapshot: async () => ({}),
      GetVolumeGroupSnapshot: async () => ({ groupSnapshot: { groupSnapshotId: 'g' } }),
    })
    .add(csiSnapshotMetadata, {
      GetMetadataAllocated: async function* () {
        yield {
          blockMetadataType: 'FIXED_LENGTH',
          volumeCapacityBytes: '9',
          blockMetadata: [{ byteOffset: '5', sizeBytes: '5' }],
        };
        yield forgets
          ? {}
          : { blockMetadataType: 'FIXED_LENGTH', blockMetadata: [{ byteOffset: '0', sizeBytes: '5' }] };
        if (forgets) throw grpcError('DATA_LOSS', 'where was I');
      },
      GetMetadataDelta: async function* () {
        yield { blockMetadataType: 'UNKNOWN' };
      },
    })
    .add(csiNode, {
      NodeGetVolumeHealth: async () => ({ volumeHealth: { volumeId: 'another' } }),
      NodeGetStorageHealth: async () => ({ backendHealth: [{ status: 'STORAGE_DEGRADED' as const, reason: '' }] }),
      NodeGetCapabilities: async () =>
        rpcs(
          'STAGE_UNSTAGE_VOLUME',
          'GET_VOLUME_STATS',
          'EXPAND_VOLUME',
          'SINGLE_NODE_MULTI_WRITER',
          'GET_VOLUME_HEALTH',
          'GET_STORAGE_HEALTH',
        ),
      NodeGetInfo: async () => ({ nodeId: '', maxVolumesPerNode: '-1' }),
      NodeStageVolume: async () => ({}),
      NodeUnstageVolume: async () => ({}),
      NodePublishVolume: async () => ({}),
      NodeUnpublishVolume: async ({ volumeId, targetPath }) => {
        if (forgets && targetPath.startsWith(`${path}/`)) rmSync(targetPath, { recursive: true, force: true });
        if (volumeId === 'v') throw grpcError('INTERNAL', 'not mounted');
        return {};
      },
      NodeGetVolumeStats: async () => ({}),
      NodeExpandVolume: async () => ({}),
    });
  await server.listen(`unix://${path}/csi.sock`);
  return server;
}

async function resultsAt(path: string) {
  using connection = new GrpcConnection(`unix://${path}/csi.sock`);
  const mount = { fsType: '', mountFlags: [], volumeMountGroup: '' };
  const volumes = {
    capability: { mount, accessMode: { mode: 'SINGLE_NODE_WRITER' } },
    parameters: {},
    sizeBytes: 1024 ** 3,
    secrets: {},
    mountDir: join(path, 'mounts'),
  };
  const options = { connection, volumes, onNode: true, timeoutMs: 5000, clock: systemClock, rng: seededRng(1) };
  return await Array.fromAsync(runChecks(allChecks, options, new AbortController().signal));
}

test('every check fails at a driver that says yes to everything, or at one that also forgets', async () => {
  const kept = new Set(allChecks.map(({ id }) => id));
  for (const forgets of [false, true]) {
    using place = testFolder();
    await using _driver = await yesMan(place.path, forgets);
    for (const { id, outcome, reason } of await resultsAt(place.path)) {
      if (outcome === 'fail') kept.delete(id);
      if (outcome === 'skip') expect(reason).toMatch(/good for both/);
    }
    expect(readdirSync(join(place.path, 'mounts'))).toEqual([]);
  }
  expect([...kept]).toEqual(['errors.details-are-empty']);
});

test('each check has an id of its own, a rule and a section', () => {
  expect(new Set(allChecks.map(({ id }) => id)).size).toBe(allChecks.length);
  for (const { id, rule, section } of allChecks) {
    expect(id).toMatch(/^[a-z]+\.[a-z0-9-]+$/);
    expect(rule).toMatch(/^[A-Z0-9].{20,}\.$/);
    expect(section).not.toBe('');
  }
});

test('checks can be listed and chosen without a driver; an unknown one is refused', async () => {
  const { out } = await csictl('conformance', '--list', '--only', 'publish', '-o', 'json');
  expect((JSON.parse(out) as { id: string }[]).map(({ id }) => id)).toContain('publish.read-only');
  expect(await csictl('conformance', '--list', '--only', 'publis')).toMatchObject({ exitCode: 2 });
});

test('conformance fails where a check does, and says which rule is broken', async () => {
  using place = testFolder();
  await using _driver = await yesMan(place.path);
  const run = ['conformance', '--endpoint', place.endpoint, '--no-node', '--only', 'capacity.get-capacity'];
  const ran = await csictl(...run);
  expect(ran).toMatchObject({ exitCode: 1, err: expect.stringContaining('1 of 1 checks fail') });
  expect(ran.out).toContain('FAIL  capacity.get-capacity it answers -5\n      CSI spec, GetCapacity: ');
  const { out } = await csictl(...run, '-o', 'junit');
  expect(out).toMatch(/<testsuite [^>]*tests="1" failures="1" skipped="0"/);
  expect(out).toContain('<failure message="it answers -5"/>');
});

test('csi-sanity is run with the volumes of the run, and its report becomes results', async () => {
  using place = testFolder();
  await using _driver = await yesMan(place.path);
  const program = join(place.path, 'csi-sanity');
  const spec = (State: string, Message: string) =>
    JSON.stringify({
      LeafNodeType: 'It',
      LeafNodeText: `is ${State}`,
      ContainerHierarchyTexts: ['Node'],
      State,
      RunTime: 2e6,
      Failure: { Message },
    });
  writeFileSync(
    program,
    `#!/bin/sh
echo "$@" > ${place.path}/arguments
for flag in "$@"; do case "$flag" in --ginkgo.json-report=*) report="\${flag#*=}" ;; esac; done
cat > "$report" <<'END'
[{"SpecReports": [${spec('passed', '')}, ${spec('failed', 'so wrong')}, ${spec('skipped', '')}]}]
END
exit 1
`,
  );
  chmodSync(program, 0o755);
  const flags = [
    '--csi-sanity',
    program,
    '--only',
    'csi-sanity',
    '--param',
    'a=b',
    '--size',
    '1Mi',
    '--mount-dir',
    place.path,
  ];
  const { exitCode, out } = await csictl('conformance', '--endpoint', place.endpoint, ...flags);
  expect({ exitCode, out }).toMatchObject({
    exitCode: 1,
    out: expect.stringContaining('csi-sanity: 1 passed, 1 failed, 1 skipped'),
  });
  expect(out).toContain('FAIL  csi-sanity.Node is failed so wrong');
  expect(readFileSync(join(place.path, 'arguments'), 'utf8')).toMatch(
    /--csi\.testvolumesize=1048576 .*--csi\.testvolumeparameters=/,
  );
  expect(existsSync(join(place.path, 'sanity.json'))).toBe(false);
});

test('a csi-sanity that does not start is told, not taken for a pass', async () => {
  using place = testFolder();
  await using _driver = await yesMan(place.path);
  const program = join(place.path, 'csi-sanity');
  writeFileSync(program, '#!/bin/sh\necho cannot execute >&2; exit 2\n', { mode: 0o755 });
  const run = ['conformance', '--endpoint', place.endpoint, '--only', 'csi-sanity', '--csi-sanity'];
  expect(await csictl(...run, program)).toMatchObject({ exitCode: 1, err: expect.stringContaining('cannot execute') });
  expect(await csictl(...run, '/nonexistent')).toMatchObject({ exitCode: 3 });
  expect(await csictl(...run.slice(0, -1))).toMatchObject({ exitCode: 3, out: '' });
});

test('details in an error are found', async () => {
  using place = testFolder();
  const server = new Server();
  const trailer = new Metadata();
  trailer.set('grpc-status-details-bin', Buffer.from('details'));
  const refuse = (_call: unknown, reply: (error: object) => void) =>
    reply({ code: 3, details: 'no', metadata: trailer });
  const none = (_call: unknown, reply: (error: null, answer: object) => void) => reply(null, {});
  server.addService(csiIdentity.definition, { GetPluginCapabilities: none } as never);
  server.addService(csiController.definition, { CreateVolume: refuse } as never);
  await new Promise<unknown>((resolve) =>
    server.bindAsync(place.endpoint.replace('///', '/'), ServerCredentials.createInsecure(), resolve),
  );
  const run = ['conformance', '--endpoint', place.endpoint, '--no-node', '--only', 'errors.details-are-empty'];
  const { exitCode, out } = await csictl(...run);
  server.forceShutdown();
  expect({ exitCode, out }).toMatchObject({
    exitCode: 1,
    out: expect.stringContaining('INVALID_ARGUMENT comes with details: no'),
  });
});

test('JUnit holds hostile texts as text', () => {
  const result: CheckResult = {
    id: 'a.b',
    section: '',
    rule: '<&"\n',
    outcome: 'fail',
    reason: 'x\u0000\ud800"/>',
    ms: 1,
  };
  expect(junitOf([result], 'n')).toContain(
    'name="a.b: &lt;&amp;&quot; " time="0.001"><failure message="x??&quot;/>"/>',
  );
});
