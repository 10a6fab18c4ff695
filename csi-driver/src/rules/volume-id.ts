/** A name that a pool, or a server's own folder, may have for what is kept there. */
const namePattern = /^[a-z0-9-]{1,64}$/;

/** What follows a name tells on which server it is (`backend/nfs/nfs-id.ts`). */
const remotePattern = /^[a-z0-9-]{1,64}(\+v[0-9.]{1,3})?@[\w.:[\]/+@~()-]+$/;

/** Of every id (CSI spec, size limits). */
const maxIdBytes = 128;

/** Ids are keys into the catalog; this is checked before a look-up and again never trusted as a path. */
export function isVolumeId(id: string): boolean {
  return namePattern.test(id) || (id.length <= maxIdBytes && remotePattern.test(id));
}

/** Whether an id, or what is found in a folder, is a plain name. */
export function isPlainId(id: string): boolean {
  return namePattern.test(id);
}
