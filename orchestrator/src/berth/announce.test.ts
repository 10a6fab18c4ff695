import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { announce } from './announce.ts';

const url = 'https://127.0.0.1:6443';

function listener() {
  const said: string[] = [];
  const terminal = { out: (text: string) => said.push(text), err: () => undefined, isInteractive: false, env: {} };
  return { said, terminal };
}

async function exportLine(kubeconfig: string): Promise<string> {
  const { said, terminal } = listener();
  await announce({ terminal }, { server: { url }, kubeconfig, what: '' });
  return said.join('');
}

test('the export line gives a shell the kubeconfig, whatever characters its path has', async () => {
  expect(await exportLine('/var/lib/berth/admin.kubeconfig')).toBe(
    'export KUBECONFIG=/var/lib/berth/admin.kubeconfig\n',
  );
  const hostile = `/tmp/it's $(touch x) "a"  ü`;
  const script = `${await exportLine(hostile)}printf %s "$KUBECONFIG"`;
  expect(execFileSync('/bin/sh', ['-c', script], { encoding: 'utf8' })).toBe(hostile);
});

test('the ready file is there while it is true: who waits for the next start does not meet it', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'berth-ready-'));
  const readyFile = join(folder, 'ready.json');
  try {
    await using stack = new AsyncDisposableStack();
    stack.use(await announce({ ...listener(), readyFile }, { server: { url }, kubeconfig: '/k', what: '' }));
    expect(JSON.parse(readFileSync(readyFile, 'utf8'))).toMatchObject({
      kubeconfig: '/k',
      server: url,
      pid: process.pid,
    });
    await stack.disposeAsync();
    expect(existsSync(readyFile)).toBe(false);
  } finally {
    rmSync(folder, { recursive: true });
  }
});
