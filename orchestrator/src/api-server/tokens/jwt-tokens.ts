import { createPrivateKey, createPublicKey, type KeyObject, sign, verify } from 'node:crypto';
import { type Clock, messageOf, type Rng, rfc3339 } from '@berth/kit';
import { LruMap } from '@berth/kube';
import { maxCharacters } from '../authentication/oidc/jwt.ts';
import type { Refused, TokenAuthenticator } from '../http/authenticate.ts';
import type { User } from '../user.ts';
import { type BoundClaims, boundClaimsOf, notFor, textClaim, whyNotNow } from './bound-claims.ts';
import type {
  ClaimedObject,
  IssuedToken,
  KeySet,
  LegacyClaims,
  ReviewedToken,
  TokenIssuer,
  TokenLifetimes,
  TokenRequest,
} from './token-issuer.ts';
import { type TokenKey, tokenKey } from './token-keys.ts';

export interface JwtTokensOptions {
  /** `https://kubernetes.default.svc.cluster.local` upstream. */
  readonly issuer: string;
  /** Whose tokens are taken, too, where the keys are known. */
  readonly otherIssuers?: readonly string[];
  /** What tokens for this server are for; absent: all issuers. */
  readonly audiences?: readonly string[];
  /** PEM of an EC or RSA private key; the tokens of a lost key are all refused. */
  readonly privateKey: string;
  /** By which alone tokens are verified; absent: by the key that signs. */
  readonly keys?: readonly TokenKey[];
  /** Where others find the keys; absent: at this server. */
  readonly keySetUri?: string;
  readonly lifetimes?: TokenLifetimes;
  readonly clock: Clock;
  readonly rng: Rng;
}

interface Claims {
  readonly iss: string;
  readonly sub: string;
  readonly aud: readonly string[];
  readonly exp: number;
  readonly nbf: number;
  readonly iat: number;
  readonly jti: string;
  readonly 'kubernetes.io': {
    readonly namespace: string;
    readonly serviceaccount: Required<ClaimedObject>;
    readonly node?: ClaimedObject;
    readonly pod?: ClaimedObject;
    readonly secret?: ClaimedObject;
    readonly warnafter?: number;
  };
}

/** What a token with a good signature says. */
interface Signed {
  readonly claims: BoundClaims;
  readonly user: User;
}

/** Verifying a signature costs more than all the rest of a small request. */
const signedAtMost = 1024;

/** Who issues tokens that lie in Secrets, whatever the server's own issuer is. */
const legacyIssuer = 'kubernetes/serviceaccount';
const legacyPrefix = 'kubernetes.io/serviceaccount/';

/** Service account tokens as upstream's: signed JWTs with the claims of bound tokens. */
export class JwtTokens implements TokenIssuer, TokenAuthenticator {
  readonly issuer: string;
  readonly otherIssuers: readonly string[];
  readonly audiences: readonly string[];
  readonly keySet: KeySet;
  readonly lifetimes?: TokenLifetimes;
  readonly #options: JwtTokensOptions;
  readonly #private: KeyObject;
  readonly #own: TokenKey;
  readonly #keys: readonly TokenKey[];
  readonly #issuers: readonly string[];
  /** By token: whether a signature is ours never changes. What else makes a token good is asked each time. */
  readonly #signed = new LruMap<string, Signed>(signedAtMost);
  readonly #legacy = new LruMap<string, LegacyClaims>(signedAtMost);

  constructor(options: JwtTokensOptions) {
    this.issuer = options.issuer;
    this.otherIssuers = options.otherIssuers ?? [];
    this.#issuers = [this.issuer, ...this.otherIssuers];
    this.audiences = options.audiences ?? this.#issuers;
    this.#options = options;
    if (options.lifetimes) this.lifetimes = options.lifetimes;
    this.#private = createPrivateKey(options.privateKey);
    this.#own = tokenKey(createPublicKey(this.#private));
    this.#keys = options.keys ?? [this.#own];
    this.keySet = {
      algorithms: [...new Set(this.#keys.map(({ algorithm }) => algorithm))].sort(),
      keys: this.#keys.map(({ id, algorithm, key }) => ({
        use: 'sig',
        kid: id,
        alg: algorithm,
        ...key.export({ format: 'jwk' }),
      })),
      ...(options.keySetUri === undefined ? {} : { uri: options.keySetUri }),
    };
  }

  async issue(request: TokenRequest): Promise<IssuedToken> {
    const { clock, rng } = this.#options;
    const now = Math.floor(clock.now() / 1000);
    const exp = now + request.expirationSeconds;
    const { boundTo, warnAfterSeconds } = request;
    const warnafter = warnAfterSeconds === undefined ? undefined : now + warnAfterSeconds;
    const claims: Claims = {
      aud: request.audiences.length > 0 ? request.audiences : this.audiences,
      exp,
      iat: now,
      iss: this.issuer,
      jti: rng.uuid(),
      'kubernetes.io': {
        namespace: request.namespace,
        ...(boundTo ? { [boundTo.kind.toLowerCase()]: { name: boundTo.name, uid: boundTo.uid } } : {}),
        ...(boundTo?.node ? { node: boundTo.node } : {}),
        serviceaccount: { name: request.serviceAccount, uid: request.serviceAccountUid },
        ...(warnafter === undefined ? {} : { warnafter }),
      },
      nbf: now,
      sub: `system:serviceaccount:${request.namespace}:${request.serviceAccount}`,
    };
    const expirationTimestamp = rfc3339((warnafter ?? exp) * 1000);
    return { token: this.#compact(claims), expirationTimestamp, credentialId: credentialOf(claims.jti) };
  }

  /** A token without an end, for the Secret it is put into. */
  issueLegacy({ namespace, serviceAccount, serviceAccountUid, secret }: LegacyClaims): string {
    return this.#compact({
      iss: legacyIssuer,
      [`${legacyPrefix}namespace`]: namespace,
      [`${legacyPrefix}secret.name`]: secret,
      [`${legacyPrefix}service-account.name`]: serviceAccount,
      [`${legacyPrefix}service-account.uid`]: serviceAccountUid,
      sub: `system:serviceaccount:${namespace}:${serviceAccount}`,
    });
  }

  /** What such a token says; undefined: it is none of ours. Whether its Secret is still there is for others to see. */
  readLegacy(token: string, refused?: Refused): LegacyClaims | undefined {
    const known = this.#legacy.get(token);
    if (known) return known;
    const claims = read(this.#claimsBy([legacyIssuer], token, refused), legacyOf, refused);
    if (claims) this.#legacy.set(token, claims);
    return claims;
  }

  async authenticate(token: string, refused?: Refused): Promise<User | undefined> {
    return (await this.review(token, [], refused))?.user;
  }

  async review(token: string, audiences: readonly string[], refused?: Refused): Promise<ReviewedToken | undefined> {
    const signed = this.#read(token, refused);
    if (!signed) return undefined;
    const { claims, user } = signed;
    // Who names none has made it for this server.
    const told = claims.audiences.length > 0 ? claims.audiences : this.audiences;
    const wanted = audiences.length > 0 ? audiences : this.audiences;
    const common = wanted.filter((audience) => told.includes(audience));
    const why = common.length === 0 ? notFor(told, wanted) : whyNotNow(claims, this.#options.clock.now() / 1000);
    if (why !== undefined) {
      refused?.(why);
      return undefined;
    }
    const { warnAfter } = claims;
    return { user, audiences: common, binding: claims, ...(warnAfter === undefined ? {} : { warnAfter }) };
  }

  #read(token: string, refused: Refused | undefined): Signed | undefined {
    const known = this.#signed.get(token);
    if (known) return known;
    const claims = read(this.#claimsBy(this.#issuers, token, refused), boundClaimsOf, refused);
    if (!claims) return undefined;
    const signed = { claims, user: userOf(claims) };
    this.#signed.set(token, signed);
    return signed;
  }

  #compact(claims: object): string {
    const signed = `${encode({ alg: this.#own.algorithm, kid: this.#own.id })}.${encode(claims)}`;
    const signature = sign(this.#own.hash, Buffer.from(signed), withWay(this.#private)).toString('base64url');
    return `${signed}.${signature}`;
  }

  /** What a token says that one of `issuers` has signed; whose it says it is comes first: others' cost no verification. */
  #claimsBy(issuers: readonly string[], token: string, refused?: Refused): Record<string, unknown> | undefined {
    if (token.length > maxCharacters || !/^[\w.\r\n-]+$/.test(token)) return undefined;
    const [head, body, signature, ...more] = token.split('.');
    if (!head || !body || signature === undefined || more.length > 0) return undefined;
    try {
      const { alg, kid = '', crit, b64 } = JSON.parse(decode(head)) as Record<string, unknown>;
      const claims = JSON.parse(decode(body)) as Record<string, unknown>;
      if (!issuers.some((issuer) => issuer === claims['iss']) || typeof kid !== 'string') return undefined;
      // Without a key's id, each may be the one.
      const keys = this.#keys.filter(({ id }) => kid === '' || kid === id);
      const [text, bytes] = [Buffer.from(`${head}.${body}`), Buffer.from(signature, 'base64url')];
      // What must be understood is not (RFC 7515 §4.1.11, RFC 7797).
      const isPlain = crit === undefined && b64 !== false;
      const isSigned = ({ algorithm, hash, key }: TokenKey) =>
        alg === algorithm && verify(hash, text, withWay(key), bytes);
      if (isPlain && keys.some(isSigned)) return claims;
      refused?.(
        keys.length === 0 ? 'invalid signature, no keys found' : 'go-jose/go-jose: error in cryptographic primitive',
      );
      return undefined;
    } catch {
      return undefined;
    }
  }
}

/** JWS wants the two numbers of an ECDSA signature side by side (RFC 7518 §3.4), not in DER. */
function withWay(key: KeyObject) {
  return key.asymmetricKeyType === 'ec' ? { key, dsaEncoding: 'ieee-p1363' as const } : { key };
}

function credentialOf(id: string): string {
  return `JTI=${id}`;
}

/** pkg/serviceaccount ServiceAccountInfo.UserInfo. */
function userOf({ namespace, serviceAccount: { name, uid }, pod, node, id }: BoundClaims): User {
  const prefix = 'authentication.kubernetes.io/';
  const extra = {
    ...(id === '' ? {} : { [`${prefix}credential-id`]: [credentialOf(id)] }),
    ...(node?.name ? { [`${prefix}node-name`]: [node.name] } : {}),
    ...(node?.name && node.uid ? { [`${prefix}node-uid`]: [node.uid] } : {}),
    ...(pod?.name && pod.uid ? { [`${prefix}pod-name`]: [pod.name], [`${prefix}pod-uid`]: [pod.uid] } : {}),
  };
  return {
    name: `system:serviceaccount:${namespace}:${name}`,
    uid,
    groups: ['system:serviceaccounts', `system:serviceaccounts:${namespace}`, 'system:authenticated'],
    ...(Object.keys(extra).length > 0 ? { extra } : {}),
  };
}

/** @throws RangeError – why it is no good one, in upstream's words (pkg/serviceaccount legacy.go). */
function legacyOf(claims: Readonly<Record<string, unknown>>): LegacyClaims {
  const subject = textClaim(claims['sub']);
  const claim = (name: string) => textClaim(claims[legacyPrefix + name]);
  const [namespace, secret] = [claim('namespace'), claim('secret.name')];
  const [serviceAccount, serviceAccountUid] = [claim('service-account.name'), claim('service-account.uid')];
  const needed = { sub: subject, namespace, secretName: secret, serviceAccountName: serviceAccount };
  for (const [name, value] of Object.entries({ ...needed, serviceAccountUID: serviceAccountUid }))
    if (value === '') throw new RangeError(`${name} claim is missing`);
  if (subject !== `system:serviceaccount:${namespace}:${serviceAccount}`) throw new RangeError('sub claim is invalid');
  return { namespace, secret, serviceAccount, serviceAccountUid };
}

/** What is made of claims; undefined: they are refused. */
function read<T>(
  claims: Readonly<Record<string, unknown>> | undefined,
  by: (claims: Readonly<Record<string, unknown>>) => T,
  refused: Refused | undefined,
): T | undefined {
  if (!claims) return undefined;
  try {
    return by(claims);
  } catch (error) {
    refused?.(messageOf(error));
    return undefined;
  }
}

function encode(value: object): string {
  return Buffer.from(JSON.stringify(value)).toString('base64url');
}

function decode(text: string): string {
  return Buffer.from(text, 'base64url').toString();
}
