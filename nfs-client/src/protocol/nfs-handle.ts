/** A server's opaque name of a file, valid until the file is gone (STALE). */
export type NfsHandle = Uint8Array & { readonly __brand: 'NfsHandle' };

/** A copy, so that a handle does not keep the reply it came in. */
export function nfsHandle(bytes: Uint8Array): NfsHandle {
  return Uint8Array.from(bytes) as NfsHandle;
}
