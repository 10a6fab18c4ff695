import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { dist, nodeFlags } from '../../harness/berth.ts';
import { type DriverProcess, startProgram } from '../../harness/driver-process.ts';

export const mountCapability = (fsType = '') => ({
  mount: { fsType },
  accessMode: { mode: 'SINGLE_NODE_WRITER' as const },
});

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
