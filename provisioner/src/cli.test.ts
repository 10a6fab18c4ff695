import { expect, test } from 'vitest';
import { runCli } from './cli.ts';
import { goDurationMs } from './go-duration.ts';

async function run(...argv: string[]) {
  let out = '';
  let err = '';
  const code = await runCli(argv, {
    env: {},
    out: (text) => {
      out += text;
    },
    err: (text) => {
      err += text;
    },
    now: () => 0,
    signal: new AbortController().signal,
  });
  return { code, out, err };
}

test('--help shows every flag with examples and ends well', async () => {
  const { code, out } = await run('--help');
  expect(code).toBe(0);
  for (const flag of ['csi-address', 'kubeconfig', 'timeout', 'retry-interval-max', 'leader-election', 'attacher']) {
    expect(out).toContain(`--${flag}`);
  }
  expect(out).toContain('Examples:');
});

for (const { argv, message } of [
  { argv: ['--timeout', '10x'], message: '"10x" is not a duration' },
  { argv: ['--csi-address', 'unix://csi.sock'], message: '"unix://csi.sock" is no socket' },
  { argv: ['--csi-address='], message: '"" is no socket: write a path, or unix:///path' },
  { argv: ['--worker-threads', '0'], message: '"0" is not a whole number of at least 1' },
  { argv: ['--strict-topology=maybe'], message: '"maybe" is neither true nor false' },
  { argv: ['--enable-capacities'], message: "unknown option '--enable-capacities'" },
  { argv: ['--enable-capacity'], message: 'NAMESPACE' },
  { argv: ['--capacity-ownerref-level', '-2'], message: '"-2" is not a whole number of at least -1' },
  { argv: ['--node-deployment'], message: 'NODE_NAME' },
]) {
  test(`${argv.join(' ')} is wrong usage`, async () => {
    const { code, err } = await run(...argv);
    expect(code).toBe(2);
    expect(err).toContain(message);
  });
}

test('without a kubeconfig and outside a cluster it says how to name one', async () => {
  const { code, err } = await run();
  expect(code).toBe(2);
  expect(err).toMatch(/^provisioner: no API server is named: give --kubeconfig FILE.*\nprovisioner --help .*\n$/);
});

for (const [text, ms] of [
  ['10s', 10_000],
  ['1m30s', 90_000],
  ['500ms', 500],
  ['1.5h', 5_400_000],
] as const) {
  test(`${text} is ${ms} ms`, () => {
    expect(goDurationMs(text)).toBe(ms);
  });
}
