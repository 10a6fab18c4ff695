import type { Clock, Logger } from '@berth/kit';
import type { Mounter } from '@berth/linux';
import { canServeFuse, FuseShareMounter } from './fuse-share-mounter.ts';
import { KernelShareMounter, kernelHasNfs } from './kernel-share-mounter.ts';
import type { ShareMounter } from './share-mounter.ts';

export interface ShareMounterOptions {
  /** Where a mounter keeps what it has to know of its mounts. */
  readonly folder: string;
  /** This program, to be started again for one mount: `nfs-mount-helper` is added. */
  readonly self: readonly string[];
  readonly mounter: Mounter;
  readonly clock: Clock;
  readonly log: Logger;
}

/** Who mounts shares on this node: the kernel where it has a client, else we. @returns undefined where nobody can. */
export function findShareMounter({ self, ...tools }: ShareMounterOptions): ShareMounter | undefined {
  if (kernelHasNfs()) return new KernelShareMounter({ ...tools, helper: [...self, 'nfs-mount-helper'] });
  return canServeFuse() ? new FuseShareMounter({ ...tools, self }) : undefined;
}
