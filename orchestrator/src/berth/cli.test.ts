import { expect, test } from 'vitest';
import { runCli } from './cli.ts';

async function berth(...argv: string[]) {
  const out: string[] = [];
  return { ...(await run(argv, (text) => void out.push(text))), out: out.join('') };
}

async function run(argv: readonly string[], out: (text: string) => void) {
  const err: string[] = [];
  const terminal = {
    out,
    err: (text: string) => void err.push(text),
    isInteractive: false,
    env: {},
  };
  const signal = new AbortController().signal;
  return { code: await runCli(argv, { terminal, signal, driverCommand: ['true'] }), err: err.join('') };
}

const commands = ['up', 'apiserver', 'down', 'image', 'backup', 'restore', 'version'];

test.each(commands)('berth %s --help shows how it is used', async (command) => {
  const { code, out } = await berth(command, '--help');
  expect([code, out.split('\nExamples:\n')[1]]).toEqual([0, expect.stringContaining(`  berth ${command}`)]);
});

test('berth up --help keeps what belongs together in one place', async () => {
  const { out } = await berth('up', '--help');
  const groups = Object.fromEntries(
    out
      .split('\n\n')
      .map((part) => [part.slice(0, part.indexOf('\n')), part.match(/^ {2}--[\w-]+/gm)?.map((flag) => flag.trim())]),
  );
  expect(groups['Who may do what:']?.[0]).toBe('--authorization-mode');
  expect(groups['Where the objects are kept:']).toEqual([
    '--encryption-provider-config',
    '--encryption-provider-config-automatic-reload',
    '--etcd-servers',
    '--etcd-cafile',
    '--etcd-certfile',
    '--etcd-keyfile',
    '--etcd-prefix',
    '--etcd-compaction-interval',
    '--etcd-healthcheck-timeout',
    '--etcd-readycheck-timeout',
  ]);
  expect(groups['Options:']).toEqual(expect.arrayContaining(['--data-dir', '--ready-file', '--log-level']));
});

test('a backup goes to a file', async () => {
  const words = 'berth: /usr is a directory\n  name a file in it: /usr/berth.db\n';
  expect(await berth('backup', '--force', '/usr')).toMatchObject({ code: 2, err: words });
});

test('a device is no backup, nor replaced by one', async () => {
  const refused = { code: 2, err: 'berth: /dev/null is not a regular file\n' };
  expect(await berth('backup', '--force', '/dev/null')).toMatchObject(refused);
  expect(await berth('restore', '/dev/null')).toMatchObject(refused);
});

test.each([
  [['up', '--nosuch'], "berth: unknown option '--nosuch'\n(see berth up --help)\n"],
  [['image', 'load'], "berth: missing required argument 'file'\n(see berth image load --help)\n"],
  [['frob'], "berth: unknown command 'frob'\n(see berth --help)\n"],
])('berth %s says which help has more', async (argv, words) => {
  expect(await berth(...argv)).toMatchObject({ code: 2, err: words });
});

test.each([
  [['help', 'up2'], "berth: unknown command 'up2'\n(see berth --help)\n"],
  [['image', 'help', 'lod'], "berth: unknown command 'lod'\n(see berth image --help)\n"],
  [['help', 'image', 'lod'], "berth: unknown command 'lod'\n(see berth image --help)\n"],
])('berth %s says that there is no such command, and where those are that there are', async (argv, err) => {
  expect(await berth(...argv)).toMatchObject({ code: 2, out: '', err });
});

test('berth help shows what berth --help does', async () => {
  expect(await berth('help')).toEqual(await berth('--help'));
  expect(await berth('help', 'up')).toEqual(await berth('up', '--help'));
  expect(await berth('help', 'image', 'ls')).toEqual(await berth('image', 'list', '--help'));
  expect(await berth('image', 'help', 'load')).toEqual(await berth('image', 'load', '--help'));
});

test.each([
  [['--event-ttl', '5'], '--event-ttl takes a duration such as 1h0m0s, not "5"'],
  [['--event-ttl', '-1s'], '--event-ttl takes a duration such as 1h0m0s, not "-1s"'],
  [['--goaway-chance', '0.03'], '--goaway-chance can not be less than 0 or greater than 0.02'],
  [['--goaway-chance', 'often'], '--goaway-chance takes a number such as 0.001, not "often"'],
  [['--audit-policy-file', 'p'], '--audit-policy-file: nothing is written down anywhere\n  give --audit-log-path or'],
  [
    ['--audit-policy-file', 'p', '--audit-log-path', '-', '--audit-log-mode', 'often'],
    'invalid audit log mode often, allowed modes are "batch,blocking,blocking-strict"',
  ],
  [
    ['--audit-policy-file', 'p', '--audit-webhook-config-file', 'k', '--audit-webhook-batch-throttle-qps', '0'],
    'invalid audit batch webhook throttle QPS 0, must be a positive number',
  ],
  [
    ['--authorization-config', 'p', '--authorization-mode', 'RBAC'],
    '--authorization-config can not be specified when --authorization-mode or --authorization-webhook-* flags are defined',
  ],
  [
    ['--audit-policy-file', 'p', '--audit-log-path', '-', '--audit-log-maxage', '-1'],
    "--audit-log-maxage -1 can't be a negative number",
  ],
  [['--audit-log-path', '-'], 'what is written to the audit log or sent, --audit-policy-file says: give it, too'],
  [['--authorization-policy-file', 'p'], 'cannot specify --authorization-policy-file without mode ABAC'],
  [
    ['--authorization-webhook-config-file', 'p', '--authorization-mode', 'RBAC,ABAC'],
    'cannot specify --authorization-webhook-config-file without mode Webhook',
  ],
])('berth apiserver %s is refused before anything is made', async (argv, words) => {
  const { code, err } = await berth('apiserver', '--data-dir', '/proc/nowhere', '--port', '0', ...argv);
  expect([code, err]).toEqual([2, expect.stringContaining(words)]);
});

test('a full disk is told with what to do about it', async () => {
  const full = Object.assign(new Error('ENOSPC: no space left on device, write'), { code: 'ENOSPC' });
  const said = await run(['version'], () => {
    throw full;
  });
  const err = 'berth: ENOSPC: no space left on device, write\n  the disk is full: free some room, then run it again\n';
  expect(said).toEqual({ code: 1, err });
});

test('an admission plugin that is not there may be switched off, and says why it is not switched on', async () => {
  const enabled = await berth('apiserver', '--enable-admission-plugins', 'ImagePolicyWebhook');
  expect([enabled.code, enabled.err]).toEqual([
    2,
    'berth: enable-admission-plugins: ImagePolicyWebhook cannot be enabled\n' +
      '  it is not there; a ValidatingWebhookConfiguration for pods asks a server about images, too\n',
  ]);
  const disabled = ['--disable-admission-plugins', 'ImagePolicyWebhook,TaintNodesByCondition'];
  // The flags are taken: it is the next one that is not.
  expect((await berth('apiserver', ...disabled, '--profiling', 'often')).err).toContain('--profiling');
});
