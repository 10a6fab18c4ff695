import type { csi, Init } from '@berth/protos';
import { csiAccessMode } from './access-mode.ts';

export interface CapabilityOptions {
  readonly accessModes: readonly string[];
  readonly volumeMode: string | undefined;
  readonly fsType: string;
  readonly mountFlags: readonly string[] | undefined;
  readonly finerSingleNode: boolean;
}

/** How a volume is to be used, in CSI's terms. @throws Error – the access modes have no CSI mode. */
export function volumeCapability(options: CapabilityOptions): Init<csi.VolumeCapability> {
  const accessMode = { mode: csiAccessMode(options.accessModes, options.finerSingleNode) };
  if (options.volumeMode === 'Block') return { block: {}, accessMode };
  return { mount: { fsType: options.fsType, mountFlags: [...(options.mountFlags ?? [])] }, accessMode };
}
