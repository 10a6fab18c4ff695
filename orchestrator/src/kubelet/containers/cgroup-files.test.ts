import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { cgroupFiles } from './cgroup-files.ts';

async function hierarchy(files: readonly string[]) {
  const root = await mkdtemp(join(tmpdir(), 'berth-kubelet-cgroup-'));
  for (const file of files) {
    await mkdir(join(root, file, '..'), { recursive: true });
    await writeFile(join(root, file), '');
  }
  const removeAll = () => rm(root, { recursive: true, force: true });
  const read = (file: string) => readFile(join(root, file), 'utf8');
  return { root, read, [Symbol.asyncDispose]: removeAll };
}

const limits = { cpuShares: 1024, cpuQuotaUs: 50_000, cpuPeriodUs: 100_000, memoryBytes: 1 << 20 };
const path = '/n/kubepods/burstable/podu';

test('on cgroup v2 limits become weight, max and memory.max, and children are listed', async () => {
  await using at = await hierarchy(['cgroup.controllers']);
  const cgroups = await cgroupFiles(at.root);
  await cgroups.ensure(path, limits);
  expect(await at.read(`${path}/cpu.weight`)).toBe('39');
  expect(await at.read(`${path}/cpu.max`)).toBe('50000 100000');
  expect(await at.read(`${path}/memory.max`)).toBe(String(1 << 20));
  await cgroups.ensure(path, { cpuShares: 2 });
  expect(await at.read(`${path}/cpu.max`)).toBe('max 100000');
  expect(await cgroups.children('/n/kubepods/burstable')).toEqual(['podu']);
  expect(await cgroups.children('/nowhere')).toEqual([]);
});

test('on cgroup v1 each hierarchy that is mounted gets the pod, and loses it', async () => {
  await using at = await hierarchy(['cpu/cgroup.procs', 'memory/cgroup.procs', 'pids/cgroup.procs']);
  const cgroups = await cgroupFiles(at.root);
  await cgroups.ensure(path, limits);
  expect(await at.read(`cpu${path}/cpu.shares`)).toBe('1024');
  expect(await at.read(`cpu${path}/cpu.cfs_quota_us`)).toBe('50000');
  expect(await at.read(`memory${path}/memory.limit_in_bytes`)).toBe(String(1 << 20));
  expect(await cgroups.children('/n/kubepods/burstable')).toEqual(['podu']);
  // A kernel's files go with their directory; here they are real ones.
  for (const file of ['cpu.shares', 'cpu.cfs_period_us', 'cpu.cfs_quota_us'])
    await rm(join(at.root, 'cpu', path, file));
  await rm(join(at.root, 'memory', path, 'memory.limit_in_bytes'));
  await cgroups.remove(path);
  await cgroups.remove(path);
  expect(await cgroups.children('/n/kubepods/burstable')).toEqual([]);
});

test('a path cannot leave the cgroup file system', async () => {
  await using at = await hierarchy(['cgroup.controllers']);
  const cgroups = await cgroupFiles(at.root);
  await cgroups.ensure('/../../n', { cpuShares: 2 });
  expect(await cgroups.children('/')).toEqual(['n']);
});
