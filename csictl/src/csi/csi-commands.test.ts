import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type csi, csiController, csiNode, csiSnapshotMetadata, GrpcServer, grpcError } from '@berth/protos';
import { expect, test } from 'vitest';
import { parse } from 'yaml';
import { csictl, testFolder } from '../testing/run-csictl.ts';
import { rpcs } from './rpc.ts';

/** A driver that keeps what it was asked. */
async function listening(path: string) {
  const asked: unknown[] = [];
  const volume = { volumeId: 'v-1', capacityBytes: '1073741824', volumeContext: { 'x.y/z': 'b' } };
  const server = new GrpcServer()
    .add(csiController, {
      CreateVolume: async (request) => {
        asked.push(request);
        return { volume: { ...volume, contentSource: request.volumeContentSource } };
      },
      ControllerPublishVolume: async () => {
        throw grpcError('RESOURCE_EXHAUSTED', 'so it is');
      },
      DeleteVolume: async ({ volumeId }) => {
        throw grpcError(volumeId as 'NOT_FOUND', 'so it is');
      },
      ListVolumes: async ({ startingToken, maxEntries }) => {
        const first = Number(startingToken || '0');
        const entries = [0, 1].map((n) => ({ volume: { ...volume, volumeId: `v-${first + n}` } }));
        return { entries, nextToken: first < 4 && maxEntries !== 7 ? String(first + 2) : '' };
      },
    })
    .add(csiSnapshotMetadata, {
      GetMetadataAllocated: async function* ({ snapshotId }) {
        for (const byteOffset of ['0', '8192'])
          yield { blockMetadataType: 'VARIABLE_LENGTH', blockMetadata: [{ byteOffset, sizeBytes: '4096' }] };
        if (snapshotId === 'broken') throw grpcError('OUT_OF_RANGE', 'no further');
        if (snapshotId === 'directory') throw grpcError('FAILED_PRECONDITION', 'no blocks');
      },
    })
    .add(csiNode, {
      NodeStageVolume: async (request) => {
        asked.push(request);
        return {};
      },
      NodeUnstageVolume: async () => {
        throw grpcError('UNAVAILABLE', 'connect to nas:2049: connect ECONNREFUSED 10.0.0.1:2049');
      },
      NodePublishVolume: async () => {
        throw grpcError('ALREADY_EXISTS', 'so it is');
      },
      NodeGetVolumeHealth: async ({ volumeId }) => {
        const trouble = { status: 'DEGRADED' as const, reason: 'Worn', message: 'old' };
        return { volumeHealth: { volumeId, healthStatuses: volumeId === 'v-1' ? [] : [trouble] } };
      },
    });
  await server.listen(`unix://${path}/csi.sock`);
  return { asked, [Symbol.asyncDispose]: () => server[Symbol.asyncDispose]() };
}

test('there is a command for each of the 36 RPCs, with help, an example and a template that is read again', async () => {
  expect(rpcs.length).toBe(36);
  using place = testFolder();
  for (const { command, request } of rpcs) {
    const help = await csictl('csi', command, '--help');
    expect(help).toMatchObject({ exitCode: 0, out: expect.stringContaining(`csictl csi ${command}`) });
    if (request.fieldsArray.length === 0) continue;
    const { out } = await csictl('csi', command, '--template');
    expect(Object.keys(parse(out) as object).sort()).toEqual(Object.keys(request.fields).sort());
    const file = join(place.path, 'request.yaml');
    writeFileSync(file, out);
    const sent = await csictl('csi', command, '--request', file, '--endpoint', `unix://${place.path}/none.sock`);
    expect(sent, command).toMatchObject({ exitCode: 3, err: expect.stringContaining('no such socket') });
  }
});

test('the flags of create-volume fill the request as the specification has it', async () => {
  using place = testFolder();
  await using driver = await listening(place.path);
  const secret = join(place.path, 'secret');
  writeFileSync(secret, 'hunter2');
  const flags = [
    '--name',
    'ü/\u{1f600}',
    '--size',
    '1Gi',
    '--limit',
    '2147483648',
    '--param',
    'a=b=c',
    '--param',
    'e=',
  ];
  const caps = [
    '--cap',
    'SINGLE_NODE_WRITER,mount,ext4,flag=noatime,flag=data=ordered,group=7',
    '--cap',
    'SINGLE_NODE_WRITER,block',
  ];
  const rest = [
    '--from-snapshot',
    's-1',
    '--topology',
    'zone=a,rack=1',
    '--topology',
    'zone=b',
    '--mutable-param',
    'iops=5',
  ];
  const args = ['csi', 'create-volume', ...flags, ...caps, ...rest, '--secret', `key=@${secret}`];
  const { exitCode, out, err } = await csictl(...args, '--endpoint', place.endpoint, '-o', 'json', '-v');
  expect({ exitCode, err }).toEqual({ exitCode: 0, err: expect.stringMatching(/^CreateVolume OK [\d.]+ ms\n$/) });
  // Nothing but what the specification has: an answer can be made a request.
  expect(JSON.parse(out)).toEqual({
    volume: {
      volumeId: 'v-1',
      capacityBytes: '1073741824',
      volumeContext: { 'x.y/z': 'b' },
      contentSource: { snapshot: { snapshotId: 's-1' } },
      accessibleTopology: [],
    },
  });
  const accessMode = { mode: 'SINGLE_NODE_WRITER' };
  const mount = { fsType: 'ext4', mountFlags: ['noatime', 'data=ordered'], volumeMountGroup: '7' };
  expect(driver.asked).toEqual([
    {
      name: 'ü/\u{1f600}',
      capacityRange: { requiredBytes: '1073741824', limitBytes: '2147483648' },
      volumeCapabilities: [
        { accessMode, mount, accessType: 'mount' },
        { accessMode, block: {}, accessType: 'block' },
      ],
      parameters: { a: 'b=c', e: '' },
      secrets: { key: 'hunter2' },
      volumeContentSource: { snapshot: { snapshotId: 's-1' }, type: 'snapshot' },
      accessibilityRequirements: {
        requisite: [{ segments: { zone: 'a', rack: '1' } }, { segments: { zone: 'b' } }],
        preferred: [],
      },
      mutableParameters: { iops: '5' },
    },
  ]);
});

test('a request from a file takes either spelling, and flags stand before it', async () => {
  using place = testFolder();
  await using driver = await listening(place.path);
  const file = join(place.path, 'request.json');
  const capability = { access_mode: { mode: 'MULTI_NODE_READER_ONLY' }, mount: { fsType: 'xfs' } };
  writeFileSync(file, JSON.stringify({ volume_id: 'a', stagingTargetPath: '/x', volume_capability: capability }));
  const args = ['csi', 'node-stage-volume', '--request', file, '--volume-id=-b', '--endpoint', place.endpoint];
  expect(await csictl(...args)).toMatchObject({ exitCode: 0, err: 'NodeStageVolumeResponse: OK, nothing in it\n' });
  expect((driver.asked[0] as csi.NodeStageVolumeRequest).volumeCapability).toMatchObject({
    mount: { fsType: 'xfs' },
    accessMode: { mode: 'MULTI_NODE_READER_ONLY' },
  });
  expect(driver.asked[0]).toMatchObject({ volumeId: '-b', stagingTargetPath: '/x' });
});

test('pages are followed, and a table has a column for each fact', async () => {
  using place = testFolder();
  await using _driver = await listening(place.path);
  const list = ['csi', 'list-volumes', '--endpoint', place.endpoint];
  const ran = await csictl(...list, '--all-pages', '-o', 'json');
  expect(ran.err).toBe('');
  const all = JSON.parse(ran.out) as csi.ListVolumesResponse;
  expect(all.entries.map(({ volume }) => volume?.volumeId)).toEqual(['v-0', 'v-1', 'v-2', 'v-3', 'v-4', 'v-5']);
  const { out } = await csictl(...list, '--max-entries', '7');
  expect(out).toMatch(/^VOLUME ID +CAPACITY BYTES +X\.Y\/Z\nv-0 +1073741824 \(1Gi\) +b\n/);
});

test('a stream is printed message after message, also when it ends in an error', async () => {
  using place = testFolder();
  await using _driver = await listening(place.path);
  const get = ['csi', 'get-metadata-allocated', '--endpoint', place.endpoint, '--snapshot-id'];
  expect((await csictl(...get, 's')).out.match(/4096 \(4Ki\)/g)).toHaveLength(2);
  const broken = await csictl(...get, 'broken', '-o', 'yaml');
  expect(broken).toMatchObject({
    exitCode: 1,
    err: expect.stringContaining('no further (OUT_OF_RANGE)\nhint: give another --starting-offset'),
  });
  expect(broken.out.match(/byteOffset/g)).toHaveLength(2);
  expect((await csictl(...get, 'directory')).err).toMatch(/\nhint: .*csictl csi list-snapshots/);
});

test('a healthy volume is told to be, and what is mounted otherwise is looked for among the mounts', async () => {
  using place = testFolder();
  await using _driver = await listening(place.path);
  const node = (command: string, id: string) => csictl('csi', command, '--volume-id', id, '--endpoint', place.endpoint);
  expect((await node('node-get-volume-health', 'v-1')).err).toMatch(/^healthy: /);
  expect(await node('node-get-volume-health', 'v-2')).toMatchObject({ err: '', out: expect.stringContaining('Worn') });
  // It is the driver that found nobody.
  expect((await node('node-unstage-volume', 'v-1')).err).toMatch(
    /connect to nas:2049.*\(UNAVAILABLE\)\nhint: what the/,
  );
  expect((await node('controller-publish-volume', 'v-1')).err).toMatch(/\nhint: see where volumes are published/);
  expect((await node('node-publish-volume', 'v-1')).err).toMatch(/ALREADY_EXISTS\)\nhint: .*csictl mounts/);
});

const codes: [code: string, exitCode: number, hint: RegExp][] = [
  ['NOT_FOUND', 3, /csi list-volumes/],
  ['INVALID_ARGUMENT', 1, /csi delete-volume --help/],
  ['ABORTED', 1, /same command again/],
  ['FAILED_PRECONDITION', 1, /csictl volumes/],
  ['UNIMPLEMENTED', 1, /driver capabilities/],
  ['DEADLINE_EXCEEDED', 124, /--timeout/],
];

for (const [code, exitCode, hint] of codes) {
  test(`an answer of ${code} exits with ${exitCode}, its name, the message and the next command`, async () => {
    using place = testFolder();
    await using _driver = await listening(place.path);
    const ran = await csictl('csi', 'delete-volume', '--volume-id', code, '--endpoint', place.endpoint);
    expect(ran.exitCode).toBe(exitCode);
    expect(ran.err).toMatch(exitCode === 124 ? /so it is \(TIMED_OUT\)\n/ : new RegExp(`so it is \\(${code}\\)\n`));
    expect(ran.err).toMatch(hint);
  });
}

const refused: [what: string, argv: string[], err: RegExp][] = [
  ['a secret on the command line', ['create-volume', '--secret', 'key=hunter2'], /never written on the command line/],
  ['a secret of two equal signs', ['create-volume', '--secret', 'hunter2=hunter2=@x'], /never written/],
  ['a secret file that is not there', ['create-volume', '--secret', 'key=@/nonexistent'], /not found/],
  [
    'an access mode nobody knows',
    ['create-volume', '--cap', 'RWO,mount'],
    /no access mode "RWO"\nhint: .*SINGLE_NODE_WRITER/,
  ],
  ['a capability of three accesses', ['create-volume', '--cap', 'SINGLE_NODE_WRITER,disk'], /mount or block/],
  ['a block volume with a filesystem', ['create-volume', '--cap', 'SINGLE_NODE_WRITER,block,ext4'], /mount or block/],
  ['a size with a wrong unit', ['create-volume', '--size', '1Gib'], /--size "1Gib" cannot be read/],
  ['half a byte', ['create-volume', '--size', '500m'], /cannot be read/],
  [
    'a size past int64',
    ['create-volume', '--size', '100Ei'],
    /--size "100Ei" cannot be read\nhint: it does not fit an integer of 64 bits/,
  ],
  ['a page of a text', ['list-volumes', '--max-entries', 'ten'], /whole number/],
  ['a page past int32', ['list-volumes', '--max-entries', '2147483648'], /32 bits/],
  ['a parameter without a key', ['create-volume', '--param', '=x'], /key=value/],
  ['an RPC that is not there', ['format-disk'], /unknown command 'format-disk'/],
  ['JUnit', ['probe', '-o', 'junit'], /conformance alone/],
];

for (const [what, argv, err] of refused) {
  test(`${what} is refused before anything is sent`, async () => {
    using place = testFolder();
    await using driver = await listening(place.path);
    const ran = await csictl('csi', ...argv, '--endpoint', place.endpoint);
    expect(ran).toMatchObject({ out: '', err: expect.stringMatching(err) });
    expect([2, 3]).toContain(ran.exitCode);
    expect(ran.err).not.toContain('hunter2');
    expect(driver.asked).toEqual([]);
  });
}

const files: [what: string, text: string, err: RegExp][] = [
  [
    'a field the message does not have',
    '{"nam": "x"}',
    /nam: CreateVolumeRequest has no such field\nhint: it has name, /,
  ],
  ['a number for a text', '{"name": 7}', /name must be a string, not 7/],
  ['a size that a parser rounds', '{"capacityRange": {"requiredBytes": 9007199254740993}}', /whole number/],
  [
    'an enum value nobody knows',
    '{"volumeCapabilities": [{"accessMode": {"mode": "RWX"}}]}',
    /mode must be one of UNKNOWN, /,
  ],
  ['both of a choice', '{"volumeCapabilities": [{"mount": {}, "block": {}}]}', /only one of block, mount/],
  ['a secret that is no text', '{"secrets": {"k": ["hunter2"]}}', /secrets\.k must be a string/],
  ['no YAML at all', '{"secrets": {"k": "hunter2"', /--request .*request: /],
  ['a prototype', '{"__proto__": {"name": "x"}}', /no such field/],
];

for (const [what, text, err] of files) {
  test(`a request file with ${what} is refused`, async () => {
    using place = testFolder();
    await using driver = await listening(place.path);
    const file = join(place.path, 'request');
    writeFileSync(file, text);
    const ran = await csictl('csi', 'create-volume', '--request', file, '--endpoint', place.endpoint);
    expect(ran).toMatchObject({ exitCode: 2, err: expect.stringMatching(err) });
    expect(ran.err).not.toContain('hunter2');
    expect(driver.asked).toEqual([]);
  });
}

test('completion offers RPCs and their flags', async () => {
  const { out } = await csictl('completion', 'bash');
  const complete = (...words: string[]) =>
    execFileSync('bash', [
      '-c',
      `${out}\nCOMP_WORDS=("$@") COMP_CWORD=$(($#-1)); _csictl; echo "\${COMPREPLY[@]}"`,
      ...['bash', ...words],
    ])
      .toString()
      .trim();
  expect(complete('csictl', 'csi', 'node-st')).toBe('node-stage-volume');
  expect(complete('csictl', 'csi', 'create-volume', '--from')).toBe('--from-snapshot --from-volume');
  expect(complete('csictl', 'csi', 'create-volume', '--name', 'x', '--si')).toBe('--size');
  expect(complete('csictl', 'csi', 'probe', '--si')).toBe('');
  // A switch takes no value; a value may be called as a command is; behind a command there is no other.
  expect(complete('csictl', 'csi', 'list-volumes', '--all-pages', '--max')).toBe('--max-entries');
  expect(complete('csictl', '-n', 'csi', 'driver', 'in')).toBe('info');
  expect(complete('csictl', 'volumes', '')).toBe('');
  expect(complete('csictl', 'bench', '--param', 'a', '=', 'b', '--dur')).toBe('--duration');
  expect(complete('csictl', 'volumes', '-o', 'y')).toBe('yaml');
  expect(complete('csictl', 'completion', '')).toBe('bash');
  expect(complete('csictl', 'replay', '/etc/passw')).toContain('/etc/passwd');
  expect(complete('csictl', 'record', '--file', '/etc/passw')).toContain('/etc/passwd');
});
