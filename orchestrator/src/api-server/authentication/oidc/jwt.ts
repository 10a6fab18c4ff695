import { constants, type KeyObject, verify } from 'node:crypto';

/** Signatures by asymmetric keys (RFC 7518 §3.1); `none` and shared secrets are none of them. */
const algorithms = {
  RS256: { hash: 'sha256', type: 'rsa' },
  RS384: { hash: 'sha384', type: 'rsa' },
  RS512: { hash: 'sha512', type: 'rsa' },
  PS256: { hash: 'sha256', type: 'rsa', pss: true },
  PS384: { hash: 'sha384', type: 'rsa', pss: true },
  PS512: { hash: 'sha512', type: 'rsa', pss: true },
  ES256: { hash: 'sha256', type: 'ec', curve: 'prime256v1' },
  ES384: { hash: 'sha384', type: 'ec', curve: 'secp384r1' },
  ES512: { hash: 'sha512', type: 'ec', curve: 'secp521r1' },
} as const;

export type SigningAlgorithm = keyof typeof algorithms;

export const signingAlgorithms = Object.keys(algorithms) as readonly SigningAlgorithm[];

export type Claims = Readonly<Record<string, unknown>>;

/** A token taken apart; nothing of it is true before its signature is verified. */
export interface Jwt {
  readonly algorithm: string;
  readonly keyId: string | undefined;
  /** What has to be understood of its head is not, or its claims are no base64url (RFC 7515 §4.1.11, RFC 7797): nobody's signature counts. */
  readonly isStrange: boolean;
  readonly claims: Claims;
  readonly signed: string;
  readonly signature: Buffer;
}

/** No issuer makes longer ones, and to parse them costs the more the longer they are. */
export const maxCharacters = 64 * 1024;

/** Undefined: it is no JWT in compact form, or longer than `mostCharacters`. */
export function parseJwt(token: string, mostCharacters = maxCharacters): Jwt | undefined {
  if (token.length > mostCharacters) return undefined;
  const [head, body, signature, ...more] = token.split('.');
  if (!head || !body || signature === undefined || more.length > 0) return undefined;
  const [header, claims] = [head, body].map(recordOf);
  if (!header || !claims || typeof header['alg'] !== 'string') return undefined;
  const { kid = '', crit, b64 } = header;
  if (typeof kid !== 'string') return undefined;
  return {
    algorithm: header['alg'],
    keyId: kid === '' ? undefined : kid,
    isStrange: crit !== undefined || b64 === false,
    claims,
    signed: `${head}.${body}`,
    signature: Buffer.from(signature, 'base64url'),
  };
}

/** Whose it says it is; Google's may leave the scheme out (apiserver oidc.go, untrustedIssuer). */
export function issuerOf({ claims: { iss } }: Jwt): unknown {
  return iss === 'accounts.google.com' ? `https://${iss}` : iss;
}

/** Whether `key` made the signature, by an algorithm that fits the key and is one of `allowed`. */
export function isSignedBy(jwt: Jwt, key: KeyObject, allowed: readonly SigningAlgorithm[]): boolean {
  const name = allowed.find((one) => one === jwt.algorithm);
  if (!name || jwt.isStrange) return false;
  const algorithm: { hash: string; type: string; pss?: boolean; curve?: string } = algorithms[name];
  if (key.asymmetricKeyType !== algorithm.type) return false;
  if (algorithm.curve && key.asymmetricKeyDetails?.namedCurve !== algorithm.curve) return false;
  const how = algorithm.curve
    ? // Two numbers side by side, not in DER (RFC 7518 §3.4).
      { key, dsaEncoding: 'ieee-p1363' as const }
    : algorithm.pss
      ? { key, padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: constants.RSA_PSS_SALTLEN_DIGEST }
      : { key, padding: constants.RSA_PKCS1_PADDING };
  try {
    return verify(algorithm.hash, Buffer.from(jwt.signed), how, jwt.signature);
  } catch {
    return false;
  }
}

function recordOf(part: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(Buffer.from(part, 'base64url').toString());
    return typeof value === 'object' && value !== null && !Array.isArray(value)
      ? (value as Record<string, unknown>)
      : undefined;
  } catch {
    return undefined;
  }
}
