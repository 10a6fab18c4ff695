import { createHash, createPublicKey, type KeyObject } from 'node:crypto';

/** How a key signs (RFC 7518 §3.1). */
const byCurve = {
  prime256v1: { algorithm: 'ES256', hash: 'sha256' },
  secp384r1: { algorithm: 'ES384', hash: 'sha384' },
  secp521r1: { algorithm: 'ES512', hash: 'sha512' },
} as const;
const byRsa = { algorithm: 'RS256', hash: 'sha256' } as const;

/** A public key that tokens of service accounts are verified by. */
export interface TokenKey {
  /** What `kid` says in what it signed (pkg/serviceaccount keyIDFromPublicKey). */
  readonly id: string;
  readonly key: KeyObject;
  readonly algorithm: string;
  readonly hash: string;
}

/** @throws RangeError – no key of a kind that signs tokens. */
export function tokenKey(key: KeyObject): TokenKey {
  const curve = key.asymmetricKeyDetails?.namedCurve ?? '';
  const ways = key.asymmetricKeyType === 'rsa' ? byRsa : byCurve[curve as keyof typeof byCurve];
  if (!ways) throw new RangeError(`unknown public key type ${key.asymmetricKeyType}${curve && ` of curve ${curve}`}`);
  const id = createHash('sha256')
    .update(key.export({ type: 'spki', format: 'der' }))
    .digest('base64url');
  return { id, key, ...ways };
}

/** Of each public key, private key and certificate in a PEM text (keyutil.ParsePublicKeysPEM). @throws RangeError – there is none. */
export function tokenKeysOf(pem: string): readonly TokenKey[] {
  const blocks = pem.match(/-----BEGIN ([A-Z ]+)-----[\s\S]+?-----END \1-----/g) ?? [];
  const keys = blocks.flatMap((block) => {
    try {
      return [createPublicKey(block)];
    } catch {
      // Something else, as the parameters of a curve.
      return [];
    }
  });
  if (keys.length === 0) throw new RangeError('data does not contain any valid RSA or ECDSA public keys');
  return keys.map(tokenKey);
}
