import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { runCli } from './cli.ts';

test('a restore that is refused leaves no folder and no lock behind', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'berth-restore-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const wrong = join(folder, 'wrong.db');
  writeFileSync(wrong, 'no database');
  const said: string[] = [];
  const restore = (dataDir: string, file = wrong) => {
    const terminal = {
      out: () => undefined,
      err: (text: string) => void said.push(text),
      isInteractive: false,
      env: {},
    };
    const options = { terminal, signal: new AbortController().signal, driverCommand: ['true'] } as const;
    return runCli(['restore', file, '--data-dir', dataDir], options);
  };
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
