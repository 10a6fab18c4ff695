/** statfs(2)'s f_type of filesystems a pool may live on. The ext family shares one. */
const byMagic: Readonly<Record<number, readonly string[]>> = {
  61267: ['ext4', 'ext3', 'ext2'],
  1481003842: ['xfs'],
  2435016766: ['btrfs'],
  16914836: ['tmpfs'],
  2035054128: ['overlay'],
  4076150800: ['f2fs'],
  801189825: ['zfs'],
};

/** Names a capability may ask for as fs_type; empty where the filesystem is unknown here. */
export function fsTypesOf(magic: number): readonly string[] {
  return byMagic[magic >>> 0] ?? [];
}
