/** Numbers of attributes (RFC 8881 §5.8). */
export const attribute = {
  type: 1,
  size: 4,
  fsId: 8,
  leaseTime: 10,
  readError: 11,
  handle: 19,
  fileId: 20,
  filesAvailable: 21,
  filesFree: 22,
  filesTotal: 23,
  maxRead: 30,
  maxWrite: 31,
  mode: 33,
  links: 35,
  owner: 36,
  group: 37,
  device: 41,
  spaceAvailable: 42,
  spaceFree: 43,
  spaceTotal: 44,
  spaceUsed: 45,
  accessed: 47,
  setAccessed: 48,
  changed: 52,
  modified: 53,
  setModified: 54,
} as const;

const { type, size, fsId, fileId, mode, links, owner, group, device, spaceUsed } = attribute;

/** What `NfsAttributes` is made of. */
export const statAttributes: readonly number[] = [
  ...[type, size, fsId, fileId, mode, links, owner, group, device, spaceUsed],
  ...[attribute.accessed, attribute.changed, attribute.modified],
];
