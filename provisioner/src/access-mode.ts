import type { csi } from '@berth/protos';

type Mode = csi.VolumeCapabilityAccessModeMode;

/**
 * The one CSI access mode that stands for a volume's Kubernetes access modes (csi-lib-utils accessmodes.ToCSIAccessMode).
 * `finerSingleNode` is the driver's SINGLE_NODE_MULTI_WRITER capability, which splits SINGLE_NODE_WRITER in two.
 * @throws Error – the combination has no CSI mode.
 */
export function csiAccessMode(modes: readonly string[], finerSingleNode: boolean): Mode {
  const has = (mode: string) => modes.includes(mode);
  if (has('ReadWriteOncePod')) {
    if (new Set(modes).size === 1) return finerSingleNode ? 'SINGLE_NODE_SINGLE_WRITER' : 'SINGLE_NODE_WRITER';
    throw new Error(
      'Kubernetes does not support use of ReadWriteOncePod with other access modes on the same PersistentVolume',
    );
  }
  if (has('ReadWriteMany')) return 'MULTI_NODE_MULTI_WRITER';
  if (has('ReadOnlyMany') && has('ReadWriteOnce')) {
    throw new Error('CSI does not support ReadOnlyMany and ReadWriteOnce on the same PersistentVolume');
  }
  if (has('ReadOnlyMany')) return 'MULTI_NODE_READER_ONLY';
  if (has('ReadWriteOnce')) return finerSingleNode ? 'SINGLE_NODE_MULTI_WRITER' : 'SINGLE_NODE_WRITER';
  throw new Error(`unsupported AccessMode combination: [${modes.join(' ')}]`);
}
