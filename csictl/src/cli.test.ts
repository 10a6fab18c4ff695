import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { csiController, csiGroupController, csiIdentity, GrpcServer, grpcError } from '@berth/protos';
import { expect, test } from 'vitest';
import { runCli } from './cli.ts';
import { formatTable } from './output/format-table.ts';
import { parseDuration } from './parse-duration.ts';

async function csictl(...argv: string[]) {
  let [out, err] = ['', ''];
  const exitCode = await runCli(argv, {
    env: {},
    out: (text) => {
      out += text;
    },
    err: (text) => {
      err += text;
    },
    isInteractive: false,
  });
  return { exitCode, out, err };
}

function folder() {
  const path = mkdtempSync(join(tmpdir(), 'berth-csictl-'));
  return { path, [Symbol.dispose]: () => rmSync(path, { recursive: true, force: true }) };
}

/** A driver that is not ours: no node service, three pages of volumes. */
async function otherDriver(path: string, ready = true) {
  const server = new GrpcServer()
    .add(csiIdentity, {
      GetPluginInfo: async () => ({ name: 'other.example.com', vendorVersion: '9' }),
      GetPluginCapabilities: async () => ({
        capabilities: [{ service: { type: 'CONTROLLER_SERVICE' } }, { service: { type: 'GROUP_CONTROLLER_SERVICE' } }],
      }),
      Probe: async () => ({ ready: { value: ready } }),
    })
    .add(csiGroupController, {
      GroupControllerGetCapabilities: async () => ({
        capabilities: [{ rpc: { type: 'CREATE_DELETE_GET_VOLUME_GROUP_SNAPSHOT' } }],
      }),
    })
    .add(csiController, {
      ControllerGetCapabilities: async () => ({ capabilities: [{ rpc: { type: 'LIST_VOLUMES' } }] }),
      ListVolumes: async ({ startingToken }) => {
        const page = Number(startingToken || '0');
        if (page > 2) throw grpcError('ABORTED', 'token');
        const volume = { volumeId: `v-${page}`, capacityBytes: String(1024 ** 3 * 1.5) };
        return { entries: [{ volume }], nextToken: page < 2 ? String(page + 1) : '' };
      },
    });
  await server.listen(`unix://${path}/csi.sock`);
  return server;
}

test('driver info, capabilities and probe work with any driver', async () => {
  using place = folder();
  await using _driver = await otherDriver(place.path);
  const endpoint = ['--endpoint', `unix://${place.path}/csi.sock`, '--data-dir', place.path];
  const info = await csictl('driver', ...endpoint, '-o', 'json');
  expect(JSON.parse(info.out)).toMatchObject([{ name: 'other.example.com', version: '9' }]);
  const capabilities = await csictl('driver', 'capabilities', ...endpoint);
  expect(capabilities.out).toMatch(/other\.example\.com +controller +LIST_VOLUMES/);
  expect(capabilities.out).toMatch(/other\.example\.com +group +CREATE_DELETE_GET_VOLUME_GROUP_SNAPSHOT/);
  expect(await csictl('driver', 'probe', ...endpoint)).toMatchObject({
    exitCode: 0,
    out: expect.stringMatching(/yes/),
  });
});

test('probe fails where the driver is not ready', async () => {
  using place = folder();
  await using _driver = await otherDriver(place.path, false);
  const { exitCode, err } = await csictl('driver', 'probe', '--endpoint', `unix://${place.path}/csi.sock`);
  expect(exitCode).toBe(1);
  expect(err).toContain('is not ready\nhint: ');
});

test('volumes follows every page; one that is not there exits with 3', async () => {
  using place = folder();
  await using _driver = await otherDriver(place.path);
  const flags = ['--endpoint', `unix://${place.path}/csi.sock`, '--data-dir', place.path];
  const { out } = await csictl('volumes', ...flags);
  expect(out.split('\n').map((line) => line.split(/ {2,}/).slice(0, 2))).toEqual([
    ['VOLUME', 'SIZE'],
    ['v-0', '1.5Gi'],
    ['v-1', '1.5Gi'],
    ['v-2', '1.5Gi'],
    [''],
  ]);
  const absent = await csictl('volumes', 'v-9', ...flags);
  expect(absent).toMatchObject({ exitCode: 3, out: '' });
  expect(absent.err).toMatch(/^csictl: volume "v-9": not found \(NOT_FOUND\)\nhint: .*\n$/);
  const yaml = await csictl('volumes', 'v-1', ...flags, '-o', 'yaml');
  expect(yaml.out).toContain('- volume: v-1\n');
});

test('a socket that accepts and never answers ends with 124', async () => {
  using place = folder();
  const server = createServer(() => undefined).listen(join(place.path, 'csi.sock'));
  const { exitCode, err } = await csictl(
    'driver',
    'info',
    '--endpoint',
    join(place.path, 'csi.sock'),
    '--timeout',
    '200ms',
  );
  server.close();
  expect(exitCode).toBe(124);
  expect(err).toMatch(/^csictl: .*\(TIMED_OUT\)\nhint: .*--timeout/);
});

test('one driver that is down does not hide the other; the exit code tells', async () => {
  using place = folder();
  const socketOf = (node: string) => {
    mkdirSync(join(place.path, 'nodes', node, 'csi/x'), { recursive: true });
    return join(place.path, 'nodes', node, 'csi/x');
  };
  await using _driver = await otherDriver(socketOf('n1'));
  writeFileSync(join(socketOf('n2'), 'csi.sock'), '');
  const { exitCode, out, err } = await csictl('driver', 'probe', '--data-dir', place.path);
  expect(exitCode).toBe(1);
  expect(out).toMatch(/nodes\/n1\/.* yes/);
  expect(err).toMatch(/^csictl: driver at .*\/n2\/.*: nobody listens at the socket \(UNAVAILABLE\)\nhint: /);
});

const failures: [what: string, argv: string[], exitCode: number, err: RegExp][] = [
  [
    'a socket that is not there',
    ['driver', '--endpoint', 'unix:///nonexistent/csi.sock'],
    3,
    /no such socket \(NOT_FOUND\)\nhint: /,
  ],
  ['an endpoint of TCP', ['driver', '--endpoint', 'tcp://x:1'], 2, /is not a Unix socket\nhint: /],
  [
    'no driver in the data directory',
    ['volumes', '--data-dir', '/nonexistent'],
    3,
    /no CSI driver runs below \/nonexistent \(NOT_FOUND\)\nhint: .*--data-dir DIR/,
  ],
  [
    'a data directory that is not there',
    ['mounts', '--data-dir', '/nonexistent'],
    3,
    /^csictl: data directory \/nonexistent: not found \(NOT_FOUND\)\nhint: /,
  ],
  [
    "another kubelet's directory that is not there",
    ['mounts', '--kubelet-dir', '/nonexistent'],
    3,
    /^csictl: kubelet directory \/nonexistent: not found \(NOT_FOUND\)\nhint: .*--kubelet-dir DIR/,
  ],
  ['an unknown command', ['volume'], 2, /csictl: unknown command 'volume'/],
  ['help for an unknown command', ['help', 'volume'], 2, /^csictl: unknown command 'volume'\nhint: csictl --help /],
  ['help for an unknown RPC', ['csi', 'help', 'x'], 2, /^csictl: unknown command 'x'\nhint: csictl csi --help /],
  [
    'help for an unknown RPC of a group',
    ['help', 'csi', 'x'],
    2,
    /^csictl: unknown command 'x'\nhint: csictl csi --help /,
  ],
  [
    'an unknown flag',
    ['csi', 'create-volume', '--from', 'x'],
    2,
    /unknown option '--from'.*hint: csictl csi create-volume --help /s,
  ],
  ['an unknown output', ['mounts', '-o', 'xml'], 2, /Allowed choices are table, wide, json, yaml/],
  ['a timeout without a unit', ['mounts', '--timeout', '30'], 2, /--timeout "30" is not a duration\nhint: /],
  [
    'a kubeconfig that is not there',
    ['mounts', '--kubeconfig', '/nonexistent'],
    1,
    /^csictl: kubeconfig \/nonexistent: .*\nhint: /,
  ],
];

for (const [what, argv, exitCode, err] of failures) {
  test(`${what} exits with ${exitCode}`, async () => {
    expect(await csictl(...argv)).toMatchObject({ exitCode, out: '', err: expect.stringMatching(err) });
  });
}

test('help has examples and ends with 0', async () => {
  expect(await csictl('--help')).toMatchObject({ exitCode: 0, out: expect.stringContaining('Examples:') });
  for (const command of ['driver', 'driver probe', 'volumes', 'mounts', 'undelete', 'completion']) {
    const { exitCode, out } = await csictl(...command.split(' '), '--help');
    expect([exitCode, out.split('Examples:')[1]]).toEqual([0, expect.stringContaining(`  csictl ${command}`)]);
  }
});

test('the completion script is bash that offers commands', async () => {
  const { out } = await csictl('completion', 'bash');
  const script = `${out}\nCOMP_WORDS=(csictl driver "") COMP_CWORD=2; _csictl; echo "\${COMPREPLY[@]}"`;
  expect(execFileSync('bash', ['-c', script], { encoding: 'utf8' }).trim()).toBe('info capabilities probe help');
});

test.each([
  ['500ms', 500],
  ['30s', 30_000],
  ['1m30s', 90_000],
  ['1.5h', 5_400_000],
])('%s is %i ms', (text, ms) => expect(parseDuration(text)).toBe(ms));

test('a name with control characters cannot write to the terminal', () => {
  expect(formatTable(['NAME'], [[{ text: 'a\u001b[2Jb' }]])).toBe('NAME\na?[2Jb\n');
});
