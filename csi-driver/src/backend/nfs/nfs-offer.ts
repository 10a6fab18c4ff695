import type { Offer } from '../backend.ts';
import { objectionToNfsFlags } from './nfs-options.ts';
import { nfsClassOf } from './nfs-parameters.ts';

/** Volumes that are directories of a server: seen by every node, no block device. */
export const nfsOffer: Offer = {
  block: false,
  multiNode: true,
  fsTypes: ['nfs'],
  objectionToFsType: (fsType) =>
    `fs_type "${fsType}" cannot be had: the volume is a directory of an nfs server; leave it empty`,
  objectionToFlags: (mountFlags) => objectionToNfsFlags(mountFlags),
  checkParameters: (parameters) => {
    nfsClassOf(parameters);
  },
  sizeFor: (requiredBytes) => requiredBytes,
};
