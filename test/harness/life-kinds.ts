import type { Access } from './image-driver.ts';
import { InlineLife } from './inline-life.ts';
import type { Life, LifeOptions } from './life.ts';
import { type LifeOnShare, ShareLife } from './share-life.ts';
import { VolumeLife } from './volume-life.ts';

/** What a life's volumes are. */
export interface LifeKind {
  readonly parameters: Readonly<Record<string, string>>;
  readonly access: Access;
  /** One pod at a time writes to it unless told otherwise. */
  readonly mode?: 'MULTI_NODE_MULTI_WRITER';
  readonly poolFs?: 'xfs' | 'btrfs';
  readonly mib: number;
  readonly poolMiB?: number;
  /** They are inline in a pod: nothing makes them before they are published. */
  readonly inline?: true;
  /** Copying them takes more than a step, which cannot be while they are written to. */
  readonly copiedIdle?: true;
  /** They are on a share of a server; `isMounted`: staged and published too. */
  readonly share?: LifeOnShare & { readonly isMounted: boolean };
}

const image = { backend: 'image' };
const reserved = { backend: 'image', provisioning: 'reserved' };

/** One of each way to keep a volume. */
export const volumeKinds: Readonly<Record<string, LifeKind>> = {
  directory: { parameters: { backend: 'directory' }, access: { mount: {} }, mib: 1 },
  image: { parameters: image, access: { mount: { fsType: 'ext4' } }, poolFs: 'xfs', mib: 8 },
  'block image': { parameters: image, access: { block: {} }, poolFs: 'xfs', mib: 8 },
  btrfs: { parameters: { backend: 'btrfs' }, access: { mount: {} }, poolFs: 'btrfs', mib: 8 },
};

/** And those that nobody keeps. */
export const plainKinds: Readonly<Record<string, LifeKind>> = {
  ...volumeKinds,
  inline: { parameters: {}, access: { mount: {} }, mib: 1, inline: true },
};

/** And of images what differs by filesystem, by provisioning, and a pool that has no reflink. */
export const lifeKinds: Readonly<Record<string, LifeKind>> = {
  ...plainKinds,
  'image of xfs': { parameters: image, access: { mount: { fsType: 'xfs' } }, poolFs: 'xfs', mib: 320, poolMiB: 4096 },
  'image of btrfs': {
    parameters: image,
    access: { mount: { fsType: 'btrfs' } },
    poolFs: 'xfs',
    mib: 128,
    poolMiB: 4096,
  },
  'reserved image': { parameters: reserved, access: { mount: { fsType: 'ext4' } }, poolFs: 'xfs', mib: 8 },
  'reserved block image': { parameters: reserved, access: { block: {} }, mib: 8, copiedIdle: true },
};

export function lifeOf(options: LifeOptions): Life {
  if (options.kind.share) return new ShareLife(options);
  return options.kind.inline ? new InlineLife(options) : new VolumeLife(options);
}
