import { isRecord, unmarshalProblem } from '@berth/kube';
import type { Claims } from './jwt.ts';

/** What every ID token says, by its types. Times are in seconds. */
export interface IdToken {
  readonly audiences: readonly string[];
  /** 0: it has none, and is over. */
  readonly expiry: number;
  readonly notBefore?: number;
  /** By claim, where it is (OpenID Connect Core §5.6.2). */
  readonly claimNames?: ReadonlyMap<string, string>;
  readonly claimSources?: ReadonlyMap<string, ClaimSource>;
}

/** Who is asked for claims. */
export interface ClaimSource {
  /** Empty: nobody is. */
  readonly endpoint: string;
  readonly accessToken: string;
}

/** How go-oidc reads the claims that it knows, in whatever order they come. */
const readers: Readonly<Record<string, (value: unknown, field: string) => unknown>> = {
  iss: text,
  sub: text,
  aud: audiences,
  exp: seconds,
  iat: seconds,
  nbf: (value, field) => (value === null ? undefined : seconds(value, field)),
  nonce: text,
  at_hash: text,
  _claim_names: (value, field) => mapOf(value, field, { type: 'map[string]string', read: text }),
  _claim_sources: (value, field) => mapOf(value, field, { type: 'map[string]oidc.claimSource', read: claimSource }),
};

/** @throws RangeError – a claim is of another type; in the words of Go's JSON (go-oidc verify.go idToken). */
export function readIdToken(claims: Claims): IdToken {
  const read = Object.fromEntries(
    Object.entries(claims).map(([claim, value]) => [
      claim,
      Object.hasOwn(readers, claim) ? readers[claim]?.(value, `idToken.${claim}`) : undefined,
    ]),
  );
  const notBefore = read['nbf'] as number | undefined;
  const claimNames = read['_claim_names'] as IdToken['claimNames'];
  const claimSources = read['_claim_sources'] as IdToken['claimSources'];
  return {
    audiences: (read['aud'] ?? []) as readonly string[],
    expiry: (read['exp'] ?? 0) as number,
    ...(notBefore === undefined ? {} : { notBefore }),
    ...(claimNames ? { claimNames } : {}),
    ...(claimSources ? { claimSources } : {}),
  };
}

function text(value: unknown, field: string): string {
  if (typeof value === 'string') return value;
  if (value === null) return '';
  throw mismatch(value, field, 'string');
}

function audiences(value: unknown, field: string): readonly string[] {
  if (!Array.isArray(value)) return typeof value === 'string' ? [value] : mismatched(value, field);
  return value.map((one) => text(one, field));
}

function mismatched(value: unknown, field: string): never {
  throw mismatch(value, field, '[]string');
}

function mapOf<T>(
  value: unknown,
  field: string,
  { type, read }: { type: string; read: (value: unknown, field: string) => T },
): ReadonlyMap<string, T> | undefined {
  if (value === null) return undefined;
  if (!isRecord(value)) throw mismatch(value, field, type);
  return new Map(Object.entries(value).map(([name, one]) => [name, read(one, field)]));
}

function claimSource(value: unknown, field: string): ClaimSource {
  if (value !== null && !isRecord(value)) throw mismatch(value, field, 'oidc.claimSource');
  const [, claim] = field.split('.');
  const said = (name: string) => text(value?.[name] ?? null, `claimSource.${claim}.${name}`);
  return { endpoint: said('endpoint'), accessToken: said('access_token') };
}

/** A number, also as a text; what int64 does not hold is its least. */
function seconds(value: unknown, field: string): number {
  if (value === null) throw new RangeError('strconv.ParseFloat: parsing "": invalid syntax');
  if (typeof value === 'string' && !/^-?(0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?$/.test(value)) {
    const shown = JSON.stringify(JSON.stringify(value));
    throw new RangeError(`json: invalid number literal, trying to unmarshal ${shown} into Number`);
  }
  if (typeof value !== 'string' && typeof value !== 'number') throw mismatch(value, field, 'json.Number');
  const read = Math.trunc(Number(value));
  return Math.abs(read) < 2 ** 63 ? read : Number.NEGATIVE_INFINITY;
}

function mismatch(value: unknown, field: string, type: string): RangeError {
  return new RangeError(unmarshalProblem(value, `struct field ${field} of type ${type}`));
}
