/** Linux's overflow id, for an owner that has no number here. */
const nobody = 65534;
const maxId = 2 ** 32 - 1;

/** The number of an owner or group: servers send `1000`, or `user@domain` where they map names (RFC 8881 §5.9). */
export function parseOwner(owner: string): number {
  if (/^\d{1,10}$/.test(owner)) return Number(owner) <= maxId ? Number(owner) : nobody;
  return owner.split('@')[0] === 'root' ? 0 : nobody;
}
