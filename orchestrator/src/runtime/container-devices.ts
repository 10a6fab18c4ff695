import { readdirSync, realpathSync, statSync } from 'node:fs';
import { join, posix, relative } from 'node:path';
import { type cri, grpcError } from '@berth/protos';
import type { OciDevice, OciDeviceRule } from './oci-spec.ts';

export interface ContainerDevices {
  readonly devices: readonly OciDevice[];
  readonly rules: readonly OciDeviceRule[];
}

/** Directories of /dev that are mounts of the container's own. */
const skipped = new Set(['pts', 'shm', 'mqueue', 'fd']);

/**
 * A container's device nodes besides the standard ones, and which devices its cgroup lets it use.
 * @throws GrpcError INVALID_ARGUMENT – a host path that is no device.
 */
export function containerDevices(wanted: readonly cri.Device[], privileged: boolean): ContainerDevices {
  if (privileged) return { devices: hostDevices('/dev'), rules: [{ allow: true, access: 'rwm' }] };
  const devices = wanted.flatMap(namedDevices);
  const rules = devices.map(({ device, access }) => ({
    allow: true,
    type: device.type,
    major: device.major,
    minor: device.minor,
    access,
  }));
  return { devices: devices.map(({ device }) => device), rules: [{ allow: false, access: 'rwm' }, ...rules] };
}

/** A device, or all devices of a directory, under the container's names for them. */
function namedDevices({ hostPath, containerPath, permissions }: cri.Device) {
  const access = permissions === '' ? 'rwm' : permissions;
  if (!/^[rwm]+$/.test(access)) throw grpcError('INVALID_ARGUMENT', `device "${hostPath}": permissions "${access}"`);
  const path = posix.normalize(`/${containerPath || hostPath}`);
  let real: string;
  try {
    real = realpathSync(hostPath);
  } catch (cause) {
    throw grpcError('INVALID_ARGUMENT', `device "${hostPath}": cannot be used`, { cause });
  }
  if (statSync(real).isDirectory()) {
    return hostDevices(real).map((device) => ({
      device: { ...device, path: join(path, relative(real, device.path)) },
      access,
    }));
  }
  const device = describe(real);
  if (!device) throw grpcError('INVALID_ARGUMENT', `device "${hostPath}": is not a device`);
  return [{ device: { ...device, path }, access }];
}

function hostDevices(directory: string): OciDevice[] {
  return readdirSync(directory, { withFileTypes: true }).flatMap((entry) => {
    const path = join(directory, entry.name);
    if (entry.isDirectory()) return skipped.has(entry.name) ? [] : hostDevices(path);
    if (!entry.isCharacterDevice() && !entry.isBlockDevice()) return [];
    const device = path === '/dev/console' ? undefined : describe(path);
    return device ? [device] : [];
  });
}

function describe(path: string): OciDevice | undefined {
  const facts = statSync(path, { throwIfNoEntry: false });
  if (!facts || !(facts.isCharacterDevice() || facts.isBlockDevice())) return undefined;
  const { major, minor } = deviceNumbers(facts.rdev);
  const type = facts.isBlockDevice() ? 'b' : 'c';
  return { path, type, major, minor, fileMode: facts.mode & 0o7777, uid: facts.uid, gid: facts.gid };
}

/** glibc's gnu_dev_major and gnu_dev_minor. */
function deviceNumbers(rdev: number): { major: number; minor: number } {
  const value = BigInt(rdev);
  return {
    major: Number(((value >> 8n) & 0xfffn) | ((value >> 32n) & 0xfffff000n)),
    minor: Number((value & 0xffn) | ((value >> 12n) & 0xffffff00n)),
  };
}
