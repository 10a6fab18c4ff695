import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync } from 'node:fs';
import { join } from 'node:path';
import { dist, nodeFlags } from '../../harness/berth.ts';
import { type DriverProcess, driverFolder, startProgram } from '../../harness/driver-process.ts';

export const mountCapability = (fsType = '') => ({
  mount: { fsType },
  accessMode: { mode: 'SINGLE_NODE_WRITER' as const },
});

/** A folder for one driver whose files are away from those of earlier runs ({@link freshFolder}). */
export function benchFolder(): ReturnType<typeof driverFolder> {
  const place = driverFolder();
  return Object.assign(place, { folder: freshFolder(place.folder, 'run') });
}

/**
 * Makes a directory away from where files were removed in the last minutes: ext4 looks at each of their inodes again for
 * every file that is made near them. It spreads what is in a directory with the flag T over the disk, each with what is in it.
 */
export function freshFolder(parent: string, name: string): string {
  const spread = mkdtempSync(join(parent, `${name}-`));
  // Other filesystems have no such flag, and no need of it.
  spawnSync('chattr', ['+T', spread], { stdio: 'ignore' });
  const folder = join(spread, name);
  mkdirSync(folder);
  return folder;
}

/** The built driver, with the flags users start it with. */
export function startBuilt(folder: string): Promise<DriverProcess> {
  return startProgram(folder, { node: [...nodeFlags, dist('csi-driver')] });
}

export interface Wish {
  readonly bytes?: number;
  readonly fsType?: string;
  readonly parameters?: Readonly<Record<string, string>>;
  readonly sourceVolumeId?: string;
}

export async function create({ controller }: DriverProcess, name: string, wish: Wish = {}): Promise<string> {
  const { bytes = 2 ** 20, fsType = '', parameters = {}, sourceVolumeId: volumeId } = wish;
  const { volume } = await controller.CreateVolume({
    name,
    capacityRange: { requiredBytes: String(bytes) },
    volumeCapabilities: [mountCapability(fsType)],
    parameters,
    ...(volumeId === undefined ? {} : { volumeContentSource: { volume: { volumeId } } }),
  });
  return volume?.volumeId ?? '';
}

/** Names a volume's node calls need, with its staging directory made. */
export function places(folder: string, volumeId: string, fsType = '') {
  const stagingTargetPath = join(folder, `stage-${volumeId}`);
  mkdirSync(stagingTargetPath, { recursive: true });
  return {
    volumeId,
    stagingTargetPath,
    targetPath: join(folder, `target-${volumeId}`),
    volumeCapability: mountCapability(fsType),
  };
}
