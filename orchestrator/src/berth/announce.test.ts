import { execFileSync } from 'node:child_process';
import { expect, test } from 'vitest';
import { announce } from './announce.ts';

async function exportLine(kubeconfig: string): Promise<string> {
  const said: string[] = [];
  const terminal = { out: (text: string) => said.push(text), err: () => undefined, isInteractive: false, env: {} };
  await announce({ terminal }, { server: { url: 'https://127.0.0.1:6443' }, kubeconfig, what: '' });
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
