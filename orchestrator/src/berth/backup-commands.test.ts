import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { runCli } from './cli.ts';

function aFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'berth-restore-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  return folder;
}

function aTerminal() {
  const said: string[] = [];
  const terminal = {
    out: () => undefined,
    err: (text: string) => void said.push(text),
    isInteractive: false,
    env: {},
  };
  const options = { terminal, signal: new AbortController().signal, driverCommand: ['true'] } as const;
  return { said, run: (...args: string[]) => runCli(args, options) };
}

test('a backup of what is not in a file says where it is', async () => {
  const folder = aFolder();
  const { said, run } = aTerminal();
  expect(await run('backup', join(folder, 'to.db'), '--data-dir', folder)).toBe(3);
  expect(said.splice(0).join('')).toContain('holds no API objects');
  mkdirSync(join(folder, 'store'));
  writeFileSync(join(folder, 'store', 'in-etcd'), '--etcd-servers http://127.0.0.1:2379\n');
  expect(await run('backup', join(folder, 'to.db'), '--data-dir', folder)).toBe(2);
  expect(said.join('')).toMatch(/has its objects in etcd[\s\S]*etcdctl snapshot save/);
});

test('a restore that is refused leaves no folder and no lock behind', async () => {
  const folder = aFolder();
  const wrong = join(folder, 'wrong.db');
  writeFileSync(wrong, 'no database');
  const { said, run } = aTerminal();
  const restore = (dataDir: string, file = wrong) => run('restore', file, '--data-dir', dataDir);
  expect(await restore(join(folder, 'some', 'where'))).toBe(2);
  expect(said.join('')).toContain('is no backup that can be restored');
  expect(existsSync(join(folder, 'some'))).toBe(false);
  // Its exit code is that of a file that is missing, not of wrong usage.
  expect(await restore(join(folder, 'some', 'where'), join(folder, 'missing.db'))).toBe(3);
  expect(existsSync(join(folder, 'some'))).toBe(false);
  const empty = mkdtempSync(join(folder, 'empty-'));
  expect(await restore(empty)).toBe(2);
  expect(readdirSync(empty)).toEqual([]);
});

test('a restore where the objects are in etcd is refused, as the next start would be without them', async () => {
  const folder = aFolder();
  const wrong = join(folder, 'wrong.db');
  writeFileSync(wrong, 'no database');
  mkdirSync(join(folder, 'data', 'store'), { recursive: true });
  writeFileSync(join(folder, 'data', 'store', 'in-etcd'), '--etcd-servers http://127.0.0.1:2379\n');
  const { said, run } = aTerminal();
  const restore = (...flags: string[]) => run('restore', wrong, '--data-dir', join(folder, 'data'), ...flags);
  expect(await restore()).toBe(2);
  expect(said.splice(0).join('')).toMatch(/has its objects in etcd[\s\S]*--force/);
  expect(await restore('--force')).toBe(2);
  expect(said.join('')).toContain('is no backup that can be restored');
});
