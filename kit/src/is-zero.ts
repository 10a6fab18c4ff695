import { Buffer } from 'node:buffer';

/** Whether there is nothing but zeros, of which a file can have a hole instead. */
export function isZero(data: Uint8Array): boolean {
  // Each byte is like the one before it, and the first is 0: two looks at the same memory, which end at the first difference.
  return data[0] === 0 && Buffer.compare(data.subarray(1), data.subarray(0, -1)) === 0;
}
