import type { cri } from '@berth/protos';
import { expect, test } from 'vitest';
import { cgroupWrites, cpuWeight, detectCgroups, managedHierarchies } from './cgroups.ts';
import { permittedOomScoreAdj } from './container-resources.ts';
import { StateLayout } from './state-layout.ts';

const line = (path: string, type: string, options: string) =>
  `31 23 0:28 / ${path} rw,relatime - ${type} ${type} ${options}`;

test('detectCgroups tells pure v2 from v1 and from both beside each other', () => {
  expect(detectCgroups(line('/sys/fs/cgroup', 'cgroup2', 'rw'))).toMatchObject({ version: 2, hybrid: false });
  const v1 = line('/sys/fs/cgroup/cpu,cpuacct', 'cgroup', 'rw,cpu,cpuacct');
  const named = line('/sys/fs/cgroup/systemd', 'cgroup', 'rw,xattr,name=systemd');
  const hierarchies = {
    cpu: '/sys/fs/cgroup/cpu,cpuacct',
    cpuacct: '/sys/fs/cgroup/cpu,cpuacct',
    'name=systemd': '/sys/fs/cgroup/systemd',
  };
  expect(detectCgroups(`${v1}\n${named}`)).toEqual({ version: 1, hybrid: false, hierarchies });
  const unified = line('/sys/fs/cgroup/unified', 'cgroup2', 'rw');
  expect(detectCgroups(`${v1}\n${named}\n${unified}`)).toEqual({
    version: 1,
    hybrid: true,
    hierarchies: { ...hierarchies, unified: '/sys/fs/cgroup/unified' },
  });
});

const resources = {
  cpuShares: '1024',
  cpuQuota: '50000',
  cpuPeriod: '0',
  memoryLimitInBytes: '1048576',
  unified: { 'memory.high': '9' },
} as unknown as cri.LinuxContainerResources;

test('cgroupWrites words limits for v1 and v2', () => {
  expect(cgroupWrites(1, resources)).toEqual([
    ['cpu', 'cpu.shares', '1024'],
    ['cpu', 'cpu.cfs_period_us', '100000'],
    ['cpu', 'cpu.cfs_quota_us', '50000'],
    ['memory', 'memory.limit_in_bytes', '1048576'],
  ]);
  expect(cgroupWrites(2, resources)).toEqual([
    ['', 'cpu.weight', '39'],
    ['', 'cpu.max', '50000 100000'],
    ['', 'memory.max', '1048576'],
    ['', 'memory.high', '9'],
  ]);
  expect(cgroupWrites(2, { ...resources, cpuQuota: '-1', unified: {} })).toContainEqual(['', 'cpu.max', 'max 100000']);
});

test('managedHierarchies are those in which a service manager has put us', () => {
  const v2 = { version: 2, hierarchies: { '': '/sys/fs/cgroup' }, hybrid: false } as const;
  expect(managedHierarchies(v2, '0::/system.slice/berth.service\n')).toEqual(['/sys/fs/cgroup']);
  expect(managedHierarchies(v2, '0::/\n')).toEqual([]);
  const hierarchies = { 'name=systemd': '/c/systemd', unified: '/c/unified', memory: '/c/memory' };
  const own = '9:name=systemd:/user.slice/session-1.scope\n4:memory:/user.slice\n0::/user.slice/session-1.scope\n';
  const hybrid = { version: 1, hierarchies, hybrid: true } as const;
  expect(managedHierarchies(hybrid, own)).toEqual(['/c/systemd', '/c/unified']);
  expect(managedHierarchies(hybrid, '9:name=systemd:/\n4:memory:/box\n0::/\n')).toEqual([]);
});

test('cpuWeight maps the ends of cpu.shares to the ends of cpu.weight', () => {
  expect([0, 2, 1024, 262_144, 1e9].map(cpuWeight)).toEqual([1, 1, 39, 10_000, 10_000]);
});

test('permittedOomScoreAdj lowers the score only with CAP_SYS_RESOURCE', () => {
  const own = () => '5\n';
  const without = 'CapEff:\t000001fffeffffff\n';
  const withIt = 'CapEff:\t000001ffffffffff\n';
  expect(permittedOomScoreAdj(-998, own, without)).toBe(5);
  expect(permittedOomScoreAdj(-998, own, withIt)).toBe(-998);
  expect(permittedOomScoreAdj(1000, own, without)).toBe(1000);
});

test('every cgroup is below the root of its state directory, so that none is lost', () => {
  const layout = new StateLayout('/var/lib/berth/runtime');
  const root = layout.identity.cgroupRoot;
  expect(layout.cgroupParent('/kubepods/burstable/poduid', 'uid')).toBe(`${root}/kubepods/burstable/poduid`);
  expect(layout.cgroupParent(`${root}/kubepods/poduid`, 'uid')).toBe(`${root}/kubepods/poduid`);
  expect(layout.cgroupParent('', 'uid')).toBe(`${root}/poduid`);
  expect(layout.identity.bridge.length).toBeLessThanOrEqual(15);
});
