import { goValueName } from '@berth/kube';
import type { Claims } from './jwt.ts';

/** What every ID token says, by its types. Times are in seconds. */
export interface IdToken {
  readonly audiences: readonly string[];
  /** 0: it has none, and is over. */
  readonly expiry: number;
  readonly notBefore?: number;
}

/** How go-oidc reads the claims that it knows, in whatever order they come. */
const readers: Readonly<Record<string, (value: unknown, claim: string) => unknown>> = {
  iss: text,
  sub: text,
  aud: audiences,
  exp: seconds,
  iat: seconds,
  nbf: (value, claim) => (value === null ? undefined : seconds(value, claim)),
  nonce: text,
  at_hash: text,
};

/** @throws RangeError – a claim is of another type; in the words of Go's JSON (go-oidc verify.go idToken). */
export function readIdToken(claims: Claims): IdToken {
  const read = Object.fromEntries(
    Object.entries(claims).map(([claim, value]) => [
      claim,
      Object.hasOwn(readers, claim) ? readers[claim]?.(value, claim) : undefined,
    ]),
  );
  const notBefore = read['nbf'] as number | undefined;
  return {
    audiences: (read['aud'] ?? []) as readonly string[],
    expiry: (read['exp'] ?? 0) as number,
    ...(notBefore === undefined ? {} : { notBefore }),
  };
}

function text(value: unknown, claim: string): string {
  if (typeof value === 'string') return value;
  if (value === null) return '';
  throw mismatch(value, claim, 'string');
}

function audiences(value: unknown, claim: string): readonly string[] {
  if (!Array.isArray(value)) return typeof value === 'string' ? [value] : mismatched(value, claim);
  return value.map((one) => text(one, claim));
}

function mismatched(value: unknown, claim: string): never {
  throw mismatch(value, claim, '[]string');
}

/** A number, also as a text; what int64 does not hold is its least. */
function seconds(value: unknown, claim: string): number {
  if (value === null) throw new RangeError('strconv.ParseFloat: parsing "": invalid syntax');
  if (typeof value === 'string' && !/^-?(0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?$/.test(value)) {
    const shown = JSON.stringify(JSON.stringify(value));
    throw new RangeError(`json: invalid number literal, trying to unmarshal ${shown} into Number`);
  }
  if (typeof value !== 'string' && typeof value !== 'number') throw mismatch(value, claim, 'json.Number');
  const read = Math.trunc(Number(value));
  return Math.abs(read) < 2 ** 63 ? read : Number.NEGATIVE_INFINITY;
}

function mismatch(value: unknown, claim: string, type: string): RangeError {
  return new RangeError(
    `json: cannot unmarshal ${goValueName(value)} into Go struct field idToken.${claim} of type ${type}`,
  );
}
