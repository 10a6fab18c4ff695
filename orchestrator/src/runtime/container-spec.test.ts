import { type cri, criRuntime, type Init } from '@berth/protos';
import { expect, test } from 'vitest';
import { allCapabilities } from './capabilities.ts';
import { containerSpec } from './container-spec.ts';
import type { ImageRunConfig } from './image-source.ts';

function complete(config: Init<cri.ContainerConfig>, sandbox: Init<cri.PodSandboxConfig>): cri.CreateContainerRequest {
  const { requestSerialize, requestDeserialize } = criRuntime.definition['CreateContainer']!;
  return requestDeserialize(requestSerialize({ config, sandboxConfig: sandbox }));
}

function specOf(
  config: Init<cri.ContainerConfig>,
  image: ImageRunConfig = {},
  sandbox: Init<cri.PodSandboxConfig> = {},
) {
  const request = complete({ metadata: { name: 'main', attempt: 0 }, command: ['run'], ...config }, sandbox);
  return containerSpec({
    config: request.config!,
    sandbox: request.sandboxConfig!,
    image,
    user: { uid: 1, gid: 2, groups: [2, 3], home: '/home/x' },
    rootfs: '/root/fs',
    hostname: 'web-0',
    namespaces: [{ type: 'mount' }, { type: 'uts', path: '/ns/uts' }],
    files: { resolvConf: '/s/resolv.conf', hostname: '/s/hostname', hosts: '/s/hosts' },
    shm: '/s/shm',
    hostIpc: false,
    cgroupPath: '/berth-1/pod1/c1',
    cgroupVersion: 2,
    available: new Set(allCapabilities.filter((name) => name !== 'CAP_SYS_RESOURCE')),
    oomScoreAdj: 10,
  });
}

const entry = { Entrypoint: ['/entry'], Cmd: ['a', 'b'] };

test.each([
  ['neither', [], [], ['/entry', 'a', 'b']],
  ['args alone', [], ['x'], ['/entry', 'x']],
  ['a command alone', ['cmd'], [], ['cmd']],
  ['both', ['cmd'], ['x'], ['cmd', 'x']],
])('containerSpec merges %s with the image', async (_, command, args, expected) => {
  expect((await specOf({ command, args }, entry)).process.args).toEqual(expected);
});

test('containerSpec refuses a container with nothing to run', async () => {
  await expect(specOf({ command: [] })).rejects.toThrow('no command specified');
});

test('containerSpec puts the environment of the pod over that of the image over its own', async () => {
  const envs = [
    { key: 'A', value: Buffer.from('pod=1') },
    { key: 'EMPTY', value: Buffer.from('') },
  ];
  const { process } = await specOf({ envs }, { Env: ['A=image', 'PATH=/x', 'B=2'] });
  expect(process.env).toEqual(['PATH=/x', 'HOSTNAME=web-0', 'HOME=/home/x', 'A=pod=1', 'B=2', 'EMPTY=']);
});

test('containerSpec lets a volume replace a standard mount and mounts outer paths first', async () => {
  const mount = (containerPath: string) => ({ containerPath, hostPath: '/' });
  const { mounts } = await specOf({ mounts: [mount('/a/b/c'), mount('/a'), mount('/etc/hosts'), mount('/dev/shm')] });
  expect(mounts.filter(({ destination }) => destination === '/etc/hosts').map(({ source }) => source)).toEqual(['/']);
  expect(mounts.filter(({ destination }) => destination === '/dev/shm')).toHaveLength(1);
  expect(mounts.map(({ destination }) => destination).slice(-4)).toEqual(['/a', '/etc/hosts', '/dev/shm', '/a/b/c']);
});

test.each([
  ['read-only', { readonly: true }, ['rbind', 'rprivate', 'ro']],
  ['recursively read-only', { readonly: true, recursiveReadOnly: true }, ['rbind', 'rprivate', 'ro', 'rro']],
  ['host to container', { propagation: 'PROPAGATION_HOST_TO_CONTAINER' as const }, ['rbind', 'rslave', 'rw']],
  ['bidirectional', { propagation: 'PROPAGATION_BIDIRECTIONAL' as const }, ['rbind', 'rshared', 'rw']],
])('containerSpec mounts a volume %s', async (_, more, options) => {
  const { mounts } = await specOf({ mounts: [{ containerPath: '/data', hostPath: '/', ...more }] });
  expect(mounts.at(-1)).toEqual({ destination: '/data', type: 'bind', source: '/', options });
});

test.each([
  ['the root', { containerPath: '/x/..', hostPath: '/' }],
  ['a relative host path', { containerPath: '/x', hostPath: 'etc' }],
  ['a host path that is not there', { containerPath: '/x', hostPath: '/no/such/path' }],
  ['a writable recursive read-only mount', { containerPath: '/x', hostPath: '/', recursiveReadOnly: true }],
])('containerSpec refuses to mount %s', async (_, mount) => {
  await expect(specOf({ mounts: [mount] })).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
});

function linux(securityContext: Init<cri.LinuxContainerSecurityContext>): Init<cri.ContainerConfig> {
  return { linux: { securityContext } };
}

test.each([
  ['drop ALL, add one', { dropCapabilities: ['ALL'], addCapabilities: ['net_admin'] }, ['CAP_NET_ADMIN']],
  [
    'add ALL, drop one',
    { addCapabilities: ['ALL'], dropCapabilities: ['CAP_SYS_ADMIN'] },
    allCapabilities.filter((name) => name !== 'CAP_SYS_ADMIN' && name !== 'CAP_SYS_RESOURCE'),
  ],
  ['add what the node has not', { dropCapabilities: ['ALL'], addCapabilities: ['SYS_RESOURCE'] }, []],
])('containerSpec grants capabilities: %s', async (_, capabilities, expected) => {
  const { process } = await specOf(linux({ capabilities }));
  expect(process.capabilities.bounding.toSorted()).toEqual(expected.toSorted());
  expect(process.capabilities.ambient).toEqual([]);
});

test('containerSpec confines by RuntimeDefault, less so with CAP_SYS_ADMIN, and not at all when privileged', async () => {
  const seccomp = { profileType: 'RuntimeDefault' as const };
  const names = async (context: Init<cri.LinuxContainerSecurityContext>) =>
    (await specOf(linux({ seccomp, ...context }))).linux.seccomp?.syscalls.flatMap((rule) => rule.names);
  expect(await names({})).toEqual(expect.arrayContaining(['mount', 'clone', 'bpf', 'keyctl']));
  const admin = await names({ capabilities: { addCapabilities: ['SYS_ADMIN'] } });
  expect(admin).not.toContain('mount');
  expect(admin).toContain('reboot');
  expect(await names({ privileged: true })).toBeUndefined();
});

test('containerSpec passes limits on and denies all devices not asked for', async () => {
  const resources = { cpuShares: '2', cpuQuota: '-1', memoryLimitInBytes: '1024', unified: { 'memory.high': '5' } };
  const spec = await specOf({
    linux: { resources },
    devices: [{ hostPath: '/dev/null', containerPath: '/dev/x', permissions: 'r' }],
  });
  expect(spec.linux.resources).toMatchObject({
    cpu: { shares: 2, quota: -1 },
    memory: { limit: 1024 },
    unified: { 'memory.high': '5' },
    devices: [
      { allow: false, access: 'rwm' },
      { allow: true, type: 'c', major: 1, minor: 3, access: 'r' },
    ],
  });
  expect(spec.linux.devices).toMatchObject([{ path: '/dev/x', type: 'c', major: 1, minor: 3 }]);
  await expect(specOf({ devices: [{ hostPath: '/etc/passwd' }] })).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
});
