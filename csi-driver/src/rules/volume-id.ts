/** Ids are keys into the catalog; this is checked before a look-up and again never trusted as a path. */
const pattern = /^[a-z0-9-]{1,64}$/;

export function isVolumeId(id: string): boolean {
  return pattern.test(id);
}
