import { unmarshalProblem } from '@berth/kube';
import { quotedList } from './quoted-list.ts';
import type { ClaimedObject, TokenBinding } from './token-issuer.ts';

/** What a bound token says, by its types. Times are in seconds. */
export interface BoundClaims extends TokenBinding {
  /** Empty: it has none. */
  readonly id: string;
  /** Empty: none are told. */
  readonly audiences: readonly string[];
  readonly expiry?: number;
  readonly notBefore?: number;
  readonly issuedAt?: number;
  readonly warnAfter?: number;
}

/** How far a clock may be from that of who signed (go-jose jwt.DefaultLeeway). */
export const leewaySeconds = 60;

/**
 * Reads claims as upstream's types do (pkg/serviceaccount claims.go, go-jose jwt): keys are given to others, too, who sign what they like.
 * @throws RangeError – one is of another type; in upstream's words.
 */
export function boundClaimsOf(claims: Readonly<Record<string, unknown>>): BoundClaims {
  textClaim(claims['sub']);
  const [expiry, notBefore, issuedAt] = [claims['exp'], claims['nbf'], claims['iat']].map(seconds);
  const own = fields(claims['kubernetes.io'], 'kubernetes') ?? {};
  const account = object(own['serviceaccount']) ?? { name: '', uid: '' };
  const [pod, secret, node] = [own['pod'], own['secret'], own['node']].map(object);
  const warnAfter = seconds(own['warnafter']);
  return {
    id: textClaim(claims['jti']),
    audiences: audiencesOf(claims),
    ...(expiry === undefined ? {} : { expiry }),
    ...(notBefore === undefined ? {} : { notBefore }),
    ...(issuedAt === undefined ? {} : { issuedAt }),
    namespace: textClaim(own['namespace']),
    serviceAccount: account,
    ...(pod ? { pod } : {}),
    ...(secret ? { secret } : {}),
    ...(node ? { node } : {}),
    ...(warnAfter ? { warnAfter } : {}),
  };
}

/** Why a token is not good at this time, if so (go-jose jwt ValidateWithLeeway). */
export function whyNotNow({ expiry, notBefore, issuedAt }: BoundClaims, nowSeconds: number): string | undefined {
  if (notBefore !== undefined && nowSeconds + leewaySeconds < notBefore)
    return 'service account token is not valid yet';
  if (expiry !== undefined && nowSeconds - leewaySeconds > expiry) return 'service account token has expired';
  if (issuedAt !== undefined && nowSeconds + leewaySeconds < issuedAt)
    return 'service account token is issued in the future';
  return undefined;
}

/** Why a token for `told` is not good where one for `wanted` is needed. */
export function notFor(told: readonly string[], wanted: readonly string[]): string {
  return `token audiences ${quotedList(told)} is invalid for the target audiences ${quotedList(wanted)}`;
}

function audiencesOf({ aud }: Readonly<Record<string, unknown>>): readonly string[] {
  if (aud === undefined) return [];
  const audiences = [aud].flat();
  if (audiences.every((audience) => typeof audience === 'string')) return audiences;
  throw new RangeError('go-jose/go-jose/jwt: expected string or array value to unmarshal to Audience');
}

function seconds(value: unknown): number | undefined {
  if (value === undefined || value === null) return undefined;
  if (typeof value === 'number') return Math.trunc(value);
  throw new RangeError('go-jose/go-jose/jwt: expected number value to unmarshal NumericDate');
}

function object(value: unknown): Required<ClaimedObject> | undefined {
  const given = fields(value, 'ref');
  return given && { name: textClaim(given['name']), uid: textClaim(given['uid']) };
}

function fields(value: unknown, type: string): Readonly<Record<string, unknown>> | undefined {
  if (value === undefined || value === null) return undefined;
  if (typeof value === 'object' && !Array.isArray(value)) return value as Record<string, unknown>;
  throw mismatch(value, `serviceaccount.${type}`);
}

/** @throws RangeError – it is of another type. */
export function textClaim(value: unknown): string {
  if (value === undefined || value === null) return '';
  if (typeof value === 'string') return value;
  throw mismatch(value, 'string');
}

function mismatch(value: unknown, type: string): RangeError {
  return new RangeError(unmarshalProblem(value, `value of type ${type}`));
}
