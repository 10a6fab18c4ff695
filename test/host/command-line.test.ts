import { spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  copyFileSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { expect, test } from 'vitest';
import { type Berth, dist, execute } from '../harness/berth.ts';
import { driverFolder, startDriverProcess } from '../harness/driver-process.ts';

type Program = Parameters<Berth['command']>[0];

/** Whatever goes wrong happens in a folder of its own, never where the tests were started. */
function run(program: Program, args: readonly string[], cwd: string) {
  const command = [process.execPath, '--disable-warning=ExperimentalWarning', dist(program), ...args];
  return execute('/bin/sh', ['-c', 'cd "$0" && exec "$@"', cwd, ...command], { timeoutMs: 60_000 });
}

function aFolder() {
  const path = mkdtempSync(join(tmpdir(), 'berth-cli-'));
  return { path, [Symbol.dispose]: () => rmSync(path, { recursive: true, force: true }) };
}

interface Case {
  readonly program: Program;
  readonly args: readonly string[];
  readonly code: number;
  readonly says: RegExp;
}

/** `$DIR` stands for the empty folder the command runs in. The cases run at once: one that looked for the usual port would be in another's way. */
const cases: readonly Case[] = [
  {
    program: 'berth',
    args: ['up', '--port', '0', '--data-dir', '/proc/foo'],
    code: 2,
    says: /cannot use the data directory \/proc\/foo: ENOENT/,
  },
  {
    program: 'berth',
    args: ['up', '--port', '0', '--data-dir', '/dev/null'],
    code: 2,
    says: /\/dev\/null is not a directory/,
  },
  {
    program: 'berth',
    args: ['up', '--port', '0', '--data-dir', '$DIR/d', '--kubeconfig', '/proc/nope/x'],
    code: 2,
    says: /cannot write the kubeconfig \/proc\/nope\/x: ENOENT.*\n {2}name another file/,
  },
  {
    program: 'berth',
    args: ['up', '--port', '0', '--data-dir', '$DIR/d', '--kubeconfig', '/'],
    code: 2,
    says: /cannot write the kubeconfig \/: it is a directory/,
  },
  {
    program: 'berth',
    args: ['up', '--data-dir', '$DIR/d', '--port', '0', '--ready-file', '/proc/nope/x'],
    code: 2,
    says: /cannot write the ready file \/proc\/nope\/x: ENOENT.*\n {2}name another file/,
  },
  {
    program: 'berth',
    args: ['up', '--port', '0', '--data-dir', `$DIR/${'d'.repeat(60)}`],
    code: 2,
    says: /is too long: .* the kernel's limit is 107/,
  },
  ...['a:b', 'a,b'].map((name) => ({
    program: 'berth' as const,
    args: ['up', '--port', '0', '--data-dir', `$DIR/${name}`],
    code: 2,
    says: /has a comma or a colon in its path: .*\n {2}name one without/,
  })),
  {
    program: 'berth',
    args: ['up', '--data-dir', '$DIR/d', '--address', 'foo'],
    code: 2,
    says: /--address takes an IP address, not "foo"/,
  },
  {
    program: 'berth',
    args: ['up', '--data-dir', '$DIR/d', '--port', '65536'],
    code: 2,
    says: /--port takes a whole number from 0 to 65535/,
  },
  {
    program: 'berth',
    args: ['up', '--data-dir', '$DIR/d', '--nodes', '101'],
    code: 2,
    says: /--nodes takes a whole number/,
  },
  {
    program: 'berth',
    args: ['up', '--data-dir', '$DIR/d', '--log-level', 'loud'],
    code: 2,
    says: /Allowed choices are debug/,
  },
  {
    program: 'berth',
    args: ['up', '--data-dir', '$DIR/d', '--ready-file', ''],
    code: 2,
    says: /--ready-file takes the name of a file/,
  },
  { program: 'berth', args: ['up', '--frob'], code: 2, says: /unknown option '--frob'/ },
  { program: 'berth', args: ['frob'], code: 2, says: /unknown command 'frob'/ },
  { program: 'berth', args: ['version', '-o', 'frob'], code: 2, says: /Allowed choices are table, json, yaml/ },
  {
    program: 'berth',
    args: ['down', '--data-dir', '$DIR/d', '--log-level', 'loud'],
    code: 2,
    says: /Allowed choices are debug/,
  },
  {
    program: 'berth',
    args: ['image', 'list', '--data-dir', '$DIR/missing'],
    code: 3,
    says: /there is no data directory .*missing/,
  },
  {
    program: 'berth',
    args: ['image', 'remove', 'x', '--data-dir', '$DIR/missing'],
    code: 3,
    says: /there is no data directory/,
  },
  { program: 'berth', args: ['image', 'list', '-o', 'frob'], code: 2, says: /Allowed choices are table, json, yaml/ },
  {
    program: 'berth',
    args: ['image', 'pull', 'UPPER/../x', '--data-dir', '$DIR/d'],
    code: 2,
    says: /couldn't parse image name "UPPER\/\.\.\/x": invalid reference format/,
  },
  {
    program: 'berth',
    args: ['image', 'tag', 'x', 'a\nb', '--data-dir', '$DIR/d'],
    code: 2,
    says: /couldn't parse image name "a\\nb"/,
  },
  { program: 'csi-driver', args: ['--frob'], code: 2, says: /unknown option '--frob'\ncsi-driver --help shows/ },
  {
    program: 'csi-driver',
    args: ['help', 'recver'],
    code: 2,
    says: /unknown command 'recver'\ncsi-driver --help shows/,
  },
  {
    program: 'csi-driver',
    args: ['--endpoint', 'unix://$DIR/csi.sock', '--node-id', 'n', '--pool', '/proc/foo'],
    code: 1,
    says: /cannot use the pool \/proc\/foo: ENOENT/,
  },
  {
    program: 'csi-driver',
    args: ['--endpoint', 'unix:///proc/nope/csi.sock', '--node-id', 'n', '--pool', '$DIR/pool'],
    code: 1,
    says: /cannot listen at \/proc\/nope\/csi.sock: ENOENT/,
  },
  {
    program: 'csi-driver',
    args: ['--endpoint', `unix:///${'s'.repeat(107)}`, '--node-id', 'n', '--pool', '$DIR/p'],
    code: 2,
    says: /longer than 107 bytes/,
  },
  { program: 'provisioner', args: ['--frob'], code: 2, says: /unknown option '--frob'\nprovisioner --help shows/ },
  { program: 'provisioner', args: [], code: 2, says: /give --kubeconfig FILE/ },
  { program: 'provisioner', args: ['--kubeconfig', '$DIR/missing'], code: 1, says: /missing/ },
  {
    program: 'csictl',
    args: ['mounts', '--data-dir', '$DIR/missing'],
    code: 3,
    says: /missing: not found \(NOT_FOUND\)/,
  },
];

for (const { program, args, code, says } of cases) {
  test.concurrent(`${program} ${args.join(' ').slice(0, 80)} exits with ${code} and makes nothing`, async () => {
    using folder = aFolder();
    const result = await run(
      program,
      args.map((arg) => arg.replace('$DIR', folder.path)),
      folder.path,
    );
    expect(result.stderr).toMatch(says);
    // The driver may log before what it thinks of its pool.
    expect(result.stderr).toMatch(new RegExp(`^${program}: `, 'm'));
    expect(result.stderr).not.toMatch(/^\s+at /m);
    expect(result).toMatchObject({ code, stdout: '' });
    // The driver makes its pool before it listens.
    expect(readdirSync(folder.path).filter((name) => name !== 'pool')).toEqual([]);
  });
}

test.concurrent.each([
  ['berth', ['help', 'image', 'load'], /^Usage: berth image load /],
  ['csictl', ['help', 'csi', 'create-volume'], /^Usage: csictl csi create-volume /],
  ['csi-driver', ['help', 'recover'], /^Usage: csi-driver recover /],
  ['berth', ['--version'], /^berth \d/],
  ['csictl', ['--version'], /^csictl \d/],
  ['csi-driver', ['--version'], /^csi-driver \d/],
  ['provisioner', ['--version'], /^provisioner \d/],
] as const)('%s %s', async (program, args, says) => {
  expect(await run(program, [...args], '/')).toMatchObject({
    code: 0,
    stdout: expect.stringMatching(says),
    stderr: '',
  });
});

test('a second csi-driver on a socket that answers is refused, and the first keeps it', async () => {
  using place = driverFolder();
  await using first = await startDriverProcess(place.folder);
  const socket = join(place.folder, 'csi.sock');
  const before = lstatSync(socket).ino;
  const args = ['--endpoint', place.endpoint, '--node-id', 'n2', '--pool', join(place.folder, 'pool2')];
  const second = await run('csi-driver', args, place.folder);
  expect(second).toMatchObject({
    code: 1,
    stderr: expect.stringContaining(`cannot listen at ${socket}: another process answers there`),
  });
  expect(lstatSync(socket).ino).toBe(before);
  expect(await first.identity.GetPluginInfo({})).toMatchObject({ name: 'csi.berth.local' });
});

test('a csi-driver takes the place of one that was killed', async () => {
  using place = driverFolder();
  const first = await startDriverProcess(place.folder);
  await first.kill();
  expect(existsSync(join(place.folder, 'csi.sock'))).toBe(true);
  await using second = await startDriverProcess(place.folder);
  expect(await second.identity.GetPluginInfo({})).toMatchObject({ name: 'csi.berth.local' });
});

test("a csi-driver leaves alone what has its socket's name and is no socket", async () => {
  using place = driverFolder();
  writeFileSync(join(place.folder, 'csi.sock'), 'precious');
  const args = ['--endpoint', place.endpoint, '--node-id', 'n1', '--pool', join(place.folder, 'pool')];
  const result = await run('csi-driver', args, place.folder);
  expect(result).toMatchObject({
    code: 1,
    stderr: expect.stringContaining('something that is not a socket has that name'),
  });
  expect(lstatSync(join(place.folder, 'csi.sock')).size).toBe('precious'.length);
});

/** May read all the same: the checkout may be in root's own home. */
const nobody = [
  '--reuid=65534',
  '--regid=65534',
  '--clear-groups',
  '--inh-caps=+dac_read_search',
  '--ambient-caps=+dac_read_search',
];

test('without root, up, down and image say to use sudo', async () => {
  using folder = aFolder();
  for (const args of [['up'], ['down'], ['image', 'list']]) {
    const command = [process.execPath, '--disable-warning=ExperimentalWarning', dist('berth'), ...args];
    const result = await execute('setpriv', [...nobody, ...command, '--data-dir', join(folder.path, 'd')], {
      timeoutMs: 60_000,
    });
    expect(result).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/^berth: .* takes root\n {2}run it as root: sudo np[mx] /),
    });
  }
});

/** Whether a process's first thread waits for something (proc_pid_stat(5), state). */
function waits(pid: number): boolean {
  return /^\d+ \(.*\) S /s.test(readFileSync(`/proc/${pid}/stat`, 'utf8'));
}

test('SIGTERM to npm reaches what npm run up and npm run down have started', async () => {
  for (const script of ['up', 'down']) {
    using folder = aFolder();
    copyFileSync(join(import.meta.dirname, '../../package.json'), join(folder.path, 'package.json'));
    mkdirSync(join(folder.path, 'scripts'));
    const program = 'trap "echo stopping; exit 0" TERM; echo "started $*"; while :; do sleep 0.05; done\n';
    writeFileSync(join(folder.path, 'scripts/launch.sh'), program);
    const npm = spawn('npm', ['run', '--silent', script, '--', '--port', '0'], { cwd: folder.path });
    const said = text(npm.stdout);
    await once(npm.stdout, 'data');
    // npm hands signals on from the end of the turn in which it started the program; a handler it has from its own start.
    await expect.poll(() => waits(npm.pid!), { interval: 5 }).toBe(true);
    npm.kill('SIGTERM');
    expect(await said).toBe(`started berth ${script} --port 0\nstopping\n`);
  }
});

test('a Ctrl-C that comes twice, as npm hands on what the terminal sends to it too, stops in order', async () => {
  using folder = aFolder();
  const [data, ready] = [join(folder.path, 'd'), join(folder.path, 'ready.json')];
  const args = [dist('berth'), 'up', '--data-dir', data, '--port', '0', '--ready-file', ready];
  const up = spawn(process.execPath, args, { stdio: ['ignore', 'ignore', 'pipe'] });
  up.stderr.on('data', (said) => {
    if (/^berth: (ready|stopping)/m.test(String(said))) up.kill('SIGINT');
  });
  expect(await once(up, 'exit')).toEqual([0, null]);
  expect(existsSync(ready)).toBe(false);
  expect(await run('berth', ['down', '--purge', '--data-dir', data], folder.path)).toMatchObject({ code: 0 });
});

test('Ctrl-C ends a pull from a registry that does not answer', async () => {
  using folder = aFolder();
  await using registry = createServer().listen(0, '127.0.0.1');
  await once(registry, 'listening');
  const name = `127.0.0.1:${(registry.address() as AddressInfo).port}/team/app:1`;
  const args = [dist('berth'), 'image', 'pull', name, '--data-dir', join(folder.path, 'd')];
  const pull = spawn(process.execPath, args, { stdio: ['ignore', 'ignore', 'pipe'] });
  const [ended, said] = [once(pull, 'exit'), text(pull.stderr)];
  await once(registry, 'request');
  pull.kill('SIGINT');
  expect([await ended, await said]).toEqual([[130, null], 'berth: got SIGINT: no image was added\n']);
});
