import { readFile, statfs } from 'node:fs/promises';
import { arch, cpus, hostname, release, totalmem } from 'node:os';
import type { MachineFacts } from './machine-facts.ts';

/** Reads what a node tells of its machine; `root` is on the file system that holds pods. */
export async function readMachine(root: string): Promise<MachineFacts> {
  const [machineId, dbusId, systemUuid, bootId, release_, disk] = await Promise.all([
    text('/etc/machine-id'),
    text('/var/lib/dbus/machine-id'),
    text('/sys/class/dmi/id/product_uuid'),
    text('/proc/sys/kernel/random/boot_id'),
    text('/etc/os-release'),
    statfs(root),
  ]);
  return {
    hostname: hostname().toLowerCase(),
    cpus: cpus().length,
    memoryBytes: totalmem(),
    ephemeralStorageBytes: disk.blocks * disk.bsize,
    machineId: machineId || dbusId,
    systemUuid: systemUuid || machineId,
    bootId,
    kernelVersion: release(),
    osImage: /^PRETTY_NAME="?([^"\n]*)"?$/m.exec(release_)?.[1] ?? 'Linux',
    architecture: arch() === 'x64' ? 'amd64' : arch(),
  };
}

/** A file's trimmed text, or nothing where the machine does not have it. */
async function text(path: string): Promise<string> {
  return readFile(path, 'utf8').then(
    (content) => content.trim(),
    () => '',
  );
}
