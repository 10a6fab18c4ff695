export const tagBytes = 16;

const prime = (1n << 130n) - 5n;
/** Bits of the key that have to be zero. */
const clamp = 0x0ffffffc0ffffffc0ffffffc0fffffffn;

/** The tag of a message under a key of 32 bytes that is used once (RFC 8439 §2.5). */
export function poly1305(key: Uint8Array, message: Uint8Array): Buffer {
  const factor = number(key, 0) & clamp;
  let sum = 0n;
  for (let at = 0; at < message.length; at += tagBytes) {
    const block = message.subarray(at, at + tagBytes);
    sum = ((sum + (1n << BigInt(8 * block.length)) + number(block, 0)) * factor) % prime;
  }
  const tag = sum + number(key, tagBytes);
  const bytes = Buffer.alloc(tagBytes);
  bytes.writeBigUInt64LE(BigInt.asUintN(64, tag), 0);
  bytes.writeBigUInt64LE(BigInt.asUintN(64, tag >> 64n), 8);
  return bytes;
}

/** Sixteen bytes, the least significant first; what is not there is zero. */
function number(bytes: Uint8Array, at: number): bigint {
  const whole =
    bytes.length - at >= tagBytes ? bytes : Uint8Array.from({ length: at + tagBytes }, (_, i) => bytes[i] ?? 0);
  const view = new DataView(whole.buffer, whole.byteOffset + at, tagBytes);
  return view.getBigUint64(0, true) | (view.getBigUint64(8, true) << 64n);
}
