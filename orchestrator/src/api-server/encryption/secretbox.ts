import { randomBytes, timingSafeEqual } from 'node:crypto';
import { poly1305, tagBytes } from './poly1305.ts';
import type { Transformer } from './transformer.ts';
import { nonceBytes, xSalsa20 } from './x-salsa20.ts';

const keyBytes = 32;

/** NaCl's secretbox: nonce, tag, ciphertext. Where it is stored is not authenticated (upstream's encrypt/secretbox). */
export function secretbox(secret: Uint8Array): Transformer {
  return {
    seal: (data) => {
      const nonce = randomBytes(nonceBytes);
      const { key, text } = crypted(secret, nonce, data);
      return Buffer.concat([nonce, poly1305(key, text), text]);
    },
    open: (data) => {
      if (data.length < nonceBytes + tagBytes) throw new Error('the stored data was shorter than the required size');
      const nonce = data.subarray(0, nonceBytes);
      const tag = data.subarray(nonceBytes, nonceBytes + tagBytes);
      const sealed = data.subarray(nonceBytes + tagBytes);
      const { key, text } = crypted(secret, nonce, sealed);
      if (!timingSafeEqual(tag, poly1305(key, sealed)))
        throw new Error('output array was not large enough for encryption');
      return { data: text, stale: false };
    },
  };
}

/** The stream begins with the key of the tag; what follows is for the text, the same way in both directions. */
function crypted(secret: Uint8Array, nonce: Uint8Array, text: Uint8Array) {
  const padded = Buffer.concat([Buffer.alloc(keyBytes), text]);
  xSalsa20(secret, nonce, padded);
  return { key: padded.subarray(0, keyBytes), text: padded.subarray(keyBytes) };
}
