import { grpcError } from '@berth/protos';
import { placeParameters } from '../../rules/deletion.ts';
import { unsupportedFlag } from '../../rules/mount-flags.ts';
import type { Offer } from '../backend.ts';

/** Volumes that are directories: a mount of the pool's own filesystem, no block device. `quotas` are the values its parameter `quota` may have. */
export function directoryOffer(
  fsTypes: readonly string[],
  backend = 'directory',
  quotas: readonly string[] = [],
): Offer {
  return {
    block: false,
    fsTypes,
    objectionToFsType: (fsType) =>
      `fs_type "${fsType}" cannot be had: the pool is on ${fsTypes[0] ?? 'another filesystem'}; leave fs_type empty`,
    objectionToFlags: (mountFlags) =>
      unsupportedFlag(mountFlags) === undefined
        ? undefined
        : 'one of mount_flags has no meaning for a bind mount; supported are ro, nosuid, nodev, noexec, noatime, nodiratime, relatime, nosymfollow',
    checkParameters: (parameters) => {
      const unknown = Object.keys(parameters).find((key) => key !== 'quota' || quotas.length === 0);
      if (unknown !== undefined) {
        const takes = [...(quotas.length === 0 ? [] : ['quota']), ...placeParameters].join(', ');
        throw grpcError('INVALID_ARGUMENT', `parameter "${unknown}" is unknown: the ${backend} backend takes ${takes}`);
      }
      const { quota } = parameters;
      if (quota === undefined || quotas.includes(quota)) return;
      throw grpcError('INVALID_ARGUMENT', `parameter "quota" is "${quota}"; allowed are ${quotas.join(', ')}`);
    },
    sizeFor: (requiredBytes) => requiredBytes,
  };
}
