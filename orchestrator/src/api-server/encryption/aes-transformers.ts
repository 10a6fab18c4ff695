import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';
import type { Transformer } from './transformer.ts';

const [nonceBytes, tagBytes, blockBytes] = [12, 16, 16] as const;
const tooShort = 'the stored data was shorter than the required size';

/** AES-GCM: nonce, ciphertext, tag; where it is stored is authenticated (NIST SP 800-38D). */
export function aesGcm(secret: Uint8Array): Transformer {
  const algorithm = `aes-${secret.length * 8}-gcm` as 'aes-256-gcm';
  return {
    seal: (data, key) => {
      const nonce = randomBytes(nonceBytes);
      const cipher = createCipheriv(algorithm, secret, nonce).setAAD(Buffer.from(key));
      return Buffer.concat([nonce, cipher.update(data), cipher.final(), cipher.getAuthTag()]);
    },
    open: (data, key) => {
      if (data.length < nonceBytes) throw new Error(tooShort);
      const end = data.length - tagBytes;
      if (end < nonceBytes) throw new Error('cipher: message authentication failed');
      const decipher = createDecipheriv(algorithm, secret, data.subarray(0, nonceBytes), { authTagLength: tagBytes });
      decipher.setAAD(Buffer.from(key)).setAuthTag(data.subarray(end));
      const opened = decipher.update(data.subarray(nonceBytes, end));
      try {
        return { data: Buffer.concat([opened, decipher.final()]), stale: false };
      } catch {
        throw new Error('cipher: message authentication failed');
      }
    },
  };
}

/** AES-CBC with PKCS #7 padding: the block that begins it, then the ciphertext. Nothing authenticates it. */
export function aesCbc(secret: Uint8Array): Transformer {
  const algorithm = `aes-${secret.length * 8}-cbc`;
  return {
    seal: (data) => {
      const start = randomBytes(blockBytes);
      const cipher = createCipheriv(algorithm, secret, start);
      return Buffer.concat([start, cipher.update(data), cipher.final()]);
    },
    open: (data) => {
      if (data.length < blockBytes) throw new Error(tooShort);
      if (data.length % blockBytes !== 0) throw new Error('the stored data is not a multiple of the block size');
      if (data.length === blockBytes) throw new Error('invalid PKCS7 data (empty or not padded)');
      const decipher = createDecipheriv(algorithm, secret, data.subarray(0, blockBytes));
      const opened = decipher.update(data.subarray(blockBytes));
      try {
        return { data: Buffer.concat([opened, decipher.final()]), stale: false };
      } catch {
        throw new Error('invalid padding on input');
      }
    },
  };
}
