import { realpath } from 'node:fs/promises';
import { posix } from 'node:path';
import { inspectCached, type MountTable, readMounts } from '@berth/linux';
import { type cri, grpcError } from '@berth/protos';
import type { OciMount } from './oci-spec.ts';

export interface ContainerMountsOptions {
  readonly config: cri.ContainerConfig;
  /** Files of the sandbox, shown where the config mounts nothing itself. */
  readonly files: { readonly resolvConf: string; readonly hostname: string; readonly hosts: string };
  readonly shm: string;
  readonly hostIpc: boolean;
}

/** A container's mounts: the standard ones, then the config's, outer before inner. */
export async function containerMounts(options: ContainerMountsOptions): Promise<OciMount[]> {
  const { config } = options;
  const privileged = config.linux?.securityContext?.privileged ?? false;
  const table = config.mounts.some(({ readonly }) => readonly) ? await readMounts() : undefined;
  const own = await Promise.all(config.mounts.map((mount) => volumeMount(mount, table)));
  const taken = new Set(own.map((mount) => mount.destination));
  const standard = [...kernelMounts(privileged), ...sandboxMounts(options)];
  const sorted = own.toSorted((a, b) => depth(a.destination) - depth(b.destination));
  return [...standard.filter((mount) => !taken.has(mount.destination)), ...sorted];
}

/** The mounts of the OCI specification's default Linux filesystems, as CRI runtimes make them. */
function kernelMounts(privileged: boolean): OciMount[] {
  const mode = privileged ? 'rw' : 'ro';
  return [
    { destination: '/proc', type: 'proc', source: 'proc', options: ['nosuid', 'noexec', 'nodev'] },
    {
      destination: '/dev',
      type: 'tmpfs',
      source: 'tmpfs',
      options: ['nosuid', 'strictatime', 'mode=755', 'size=65536k'],
    },
    {
      destination: '/dev/pts',
      type: 'devpts',
      source: 'devpts',
      options: ['nosuid', 'noexec', 'newinstance', 'ptmxmode=0666', 'mode=0620', 'gid=5'],
    },
    { destination: '/dev/mqueue', type: 'mqueue', source: 'mqueue', options: ['nosuid', 'noexec', 'nodev'] },
    { destination: '/sys', type: 'sysfs', source: 'sysfs', options: ['nosuid', 'noexec', 'nodev', mode] },
    {
      destination: '/sys/fs/cgroup',
      type: 'cgroup',
      source: 'cgroup',
      options: ['nosuid', 'noexec', 'nodev', 'relatime', mode],
    },
  ];
}

function sandboxMounts({ files, shm, hostIpc, config }: ContainerMountsOptions): OciMount[] {
  const mode = config.linux?.securityContext?.readonlyRootfs ? 'ro' : 'rw';
  const file = (destination: string, source: string): OciMount => ({
    destination,
    type: 'bind',
    source,
    options: ['rbind', 'rprivate', mode],
  });
  return [
    file('/etc/resolv.conf', files.resolvConf),
    file('/etc/hostname', files.hostname),
    file('/etc/hosts', files.hosts),
    {
      destination: '/dev/shm',
      type: 'bind',
      source: hostIpc ? '/dev/shm' : shm,
      options: ['rbind', 'rprivate', 'nosuid', 'nodev', 'noexec', 'rw'],
    },
  ];
}

/** @throws GrpcError INVALID_ARGUMENT – a path that is not absolute or a host path that is not there. */
async function volumeMount(mount: cri.Mount, table: MountTable | undefined): Promise<OciMount> {
  const destination = posix.normalize(`/${mount.containerPath}`).replace(/(?<=.)\/$/, '');
  if (destination === '/' || mount.containerPath.includes('\0')) {
    throw grpcError('INVALID_ARGUMENT', `mount at "${mount.containerPath}": a path below / is needed`);
  }
  if (mount.recursiveReadOnly && (!mount.readonly || mount.propagation !== 'PROPAGATION_PRIVATE')) {
    throw grpcError('INVALID_ARGUMENT', `mount at "${destination}": recursive read-only needs readonly and private`);
  }
  const propagation = {
    PROPAGATION_PRIVATE: 'rprivate',
    PROPAGATION_HOST_TO_CONTAINER: 'rslave',
    PROPAGATION_BIDIRECTIONAL: 'rshared',
  }[mount.propagation];
  const mode = mount.recursiveReadOnly ? ['ro', 'rro'] : [mount.readonly ? 'ro' : 'rw'];
  const source = await hostPath(mount.hostPath, destination);
  const kept = mount.readonly && table ? restrictionsAt(source, table) : [];
  return { destination, type: 'bind', source, options: ['rbind', propagation, ...kept, ...mode] };
}

const restrictions = ['nosuid', 'nodev', 'noexec'] as const;

/**
 * What a path's mount forbids. runc makes a bind read-only by a remount that gives it the flags it names and no others
 * (mount(2), MS_REMOUNT with MS_BIND): a volume's noexec would be gone where it is only read.
 */
function restrictionsAt(path: string, table: MountTable): string[] {
  const { mountId } = inspectCached(path);
  const options = table.byId(mountId)?.options ?? [];
  return restrictions.filter((one) => options.includes(one));
}

async function hostPath(path: string, destination: string): Promise<string> {
  if (!path.startsWith('/')) {
    throw grpcError('INVALID_ARGUMENT', `mount at "${destination}": host path "${path}" is not absolute`);
  }
  try {
    return await realpath(path);
  } catch (cause) {
    throw grpcError('INVALID_ARGUMENT', `mount at "${destination}": host path "${path}" cannot be used`, { cause });
  }
}

function depth(path: string): number {
  return path.split('/').length;
}

/** What the rootfs itself must propagate for its mounts to do so. */
export function rootfsPropagation(mounts: readonly cri.Mount[]): 'rslave' | 'rshared' | 'rprivate' {
  if (mounts.some((mount) => mount.propagation === 'PROPAGATION_BIDIRECTIONAL')) return 'rshared';
  return mounts.some((mount) => mount.propagation === 'PROPAGATION_HOST_TO_CONTAINER') ? 'rslave' : 'rprivate';
}
