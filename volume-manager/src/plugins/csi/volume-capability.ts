import type { csi, Init } from '@berth/protos';

export interface CapabilityFacts {
  /** The PV's; none for an inline volume, which its one pod writes. */
  readonly accessModes: readonly string[] | undefined;
  readonly fsType: string | undefined;
  readonly mountOptions: readonly string[] | undefined;
  /** The pod's fsGroup, for a driver that applies it itself (VOLUME_MOUNT_GROUP). */
  readonly mountGroup?: number | undefined;
  /** The driver has SINGLE_NODE_MULTI_WRITER and so knows the two newer modes. */
  readonly singleNodeMultiWriter: boolean;
}

/** The capability of a mounted filesystem, as kubelet states it to the node service. */
export function mountCapability(facts: CapabilityFacts): Init<csi.VolumeCapability> {
  return {
    mount: {
      fsType: facts.fsType ?? '',
      mountFlags: [...(facts.mountOptions ?? [])],
      volumeMountGroup: facts.mountGroup === undefined ? '' : String(facts.mountGroup),
    },
    accessMode: { mode: accessMode(facts) },
  };
}

export function blockCapability(facts: CapabilityFacts): Init<csi.VolumeCapability> {
  return { block: {}, accessMode: { mode: accessMode(facts) } };
}

/** The first mode counts (upstream csi_client.go asCSIAccessModeV1, asSingleNodeMultiWriterCapableCSIAccessModeV1). */
function accessMode({ accessModes, singleNodeMultiWriter }: CapabilityFacts): csi.VolumeCapabilityAccessModeMode {
  switch (accessModes?.[0] ?? 'ReadWriteOnce') {
    case 'ReadWriteOnce':
      return singleNodeMultiWriter ? 'SINGLE_NODE_MULTI_WRITER' : 'SINGLE_NODE_WRITER';
    case 'ReadWriteOncePod':
      return singleNodeMultiWriter ? 'SINGLE_NODE_SINGLE_WRITER' : 'SINGLE_NODE_WRITER';
    case 'ReadOnlyMany':
      return 'MULTI_NODE_READER_ONLY';
    case 'ReadWriteMany':
      return 'MULTI_NODE_MULTI_WRITER';
    default:
      return 'UNKNOWN';
  }
}
