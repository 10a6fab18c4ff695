import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createLogger } from '@berth/kit';
import { expect, onTestFinished, test } from 'vitest';
import { DiskHealth } from './disk-health.ts';

function aDisk() {
  const folder = mkdtempSync(join(tmpdir(), 'berth-health-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const lines: string[] = [];
  const log = createLogger({ level: 'info', format: 'json', now: () => 0, write: (line) => void lines.push(line) });
  const disk = { takesCommits: true };
  const commitNothing = async () => {
    if (!disk.takesCommits) throw new Error('no commit');
  };
  const health = new DiskHealth({ file: join(folder, 'store.db'), log, commitNothing });
  const levels = () => lines.map((line) => JSON.parse(line).level);
  return { folder, disk, health, levels };
}

const full = () => Promise.reject(new Error('full'));

test('what fails again and again is logged once, and so is its end', async () => {
  const { folder, disk, health, levels } = aDisk();
  await expect(health.check()).resolves.toBeUndefined();
  disk.takesCommits = false;
  for (let i = 0; i < 3; i++) await expect(health.note(500, full())).rejects.toThrow('full');
  await expect(health.check()).rejects.toThrow('full');
  expect(levels()).toEqual(['error']);
  disk.takesCommits = true;
  await health.check();
  await health.check();
  expect(levels()).toEqual(['error', 'info']);
  await expect(health.note(500, full())).rejects.toThrow('full');
  expect(levels()).toEqual(['error', 'info', 'error']);
  expect(readdirSync(folder)).toEqual([]);
});

test('a smaller write that finds room tells nothing of the one that did not', async () => {
  const { disk, health, levels } = aDisk();
  await expect(health.note(500, full())).rejects.toThrow('full');
  disk.takesCommits = false;
  expect(await health.note(499, Promise.resolve('done'))).toBe('done');
  await expect(health.check()).rejects.toThrow('full');
  expect(await health.note(500, Promise.resolve('done'))).toBe('done');
  await health.check();
  expect(levels()).toEqual(['error', 'info']);
});
