import { createPrivateKey, createPublicKey, type KeyObject, sign, verify } from 'node:crypto';
import { type Clock, type Rng, rfc3339 } from '@berth/kit';
import { LruMap } from '@berth/kube';
import { maxCharacters } from '../authentication/oidc/jwt.ts';
import type { Refused, TokenAuthenticator } from '../http/authenticate.ts';
import type { User } from '../user.ts';
import { quotedList } from './quoted-list.ts';
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
  /** By which tokens are verified beside the key that signs. */
  readonly otherKeys?: readonly TokenKey[];
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

/** What a token that we signed says. */
interface Signed {
  readonly claims: Claims;
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
    const others = (options.otherKeys ?? []).filter(({ id }) => id !== this.#own.id);
    this.#keys = [this.#own, ...others];
    this.keySet = {
      algorithms: [...new Set(this.#keys.map(({ algorithm }) => algorithm))],
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
    return { token: this.#compact(claims), expirationTimestamp, credentialId: credentialOf(claims) };
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
  readLegacy(token: string): LegacyClaims | undefined {
    const known = this.#legacy.get(token);
    if (known) return known;
    const claims = legacyOf(this.#claimsBy([legacyIssuer], token));
    if (claims) this.#legacy.set(token, claims);
    return claims;
  }

  async authenticate(token: string, refused?: Refused): Promise<User | undefined> {
    return (await this.review(token, [], refused))?.user;
  }

  async review(token: string, audiences: readonly string[], refused?: Refused): Promise<ReviewedToken | undefined> {
    const signed = this.#read(token, refused);
    if (!signed) return undefined;
    const { aud } = signed.claims;
    const wanted = audiences.length > 0 ? audiences : this.audiences;
    const common = wanted.filter((audience) => aud.includes(audience));
    if (common.length === 0)
      refused?.(`token audiences ${quotedList(aud)} is invalid for the target audiences ${quotedList(wanted)}`);
    if (common.length === 0 || !this.#isInTime(signed.claims, refused)) return undefined;
    const { secret, warnafter: warnAfter } = signed.claims['kubernetes.io'];
    const more = { ...(secret ? { secret } : {}), ...(warnAfter ? { warnAfter } : {}) };
    return { user: signed.user, audiences: common, ...more };
  }

  #isInTime({ exp, nbf }: Claims, refused: Refused | undefined): boolean {
    const now = this.#options.clock.now() / 1000;
    if (exp <= now) refused?.('service account token has expired');
    else if (nbf > now + 5) refused?.('service account token is not valid yet');
    return exp > now && nbf <= now + 5;
  }

  #read(token: string, refused: Refused | undefined): Signed | undefined {
    const known = this.#signed.get(token);
    if (known) return known;
    const claims = this.#claimsBy(this.#issuers, token, refused) as Claims | undefined;
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
    if (token.length > maxCharacters) return undefined;
    const [head, body, signature, ...more] = token.split('.');
    if (!head || !body || !signature || more.length > 0) return undefined;
    try {
      const { alg, kid } = JSON.parse(decode(head)) as { alg?: unknown; kid?: unknown };
      const claims = JSON.parse(decode(body)) as Record<string, unknown>;
      if (!issuers.some((issuer) => issuer === claims['iss'])) return undefined;
      // Without a key's id, each may be the one.
      const keys = this.#keys.filter(({ id, algorithm }) => alg === algorithm && (!kid || kid === id));
      if (keys.length === 0) refused?.('invalid signature, no keys found');
      const [text, bytes] = [Buffer.from(`${head}.${body}`), Buffer.from(signature, 'base64url')];
      if (keys.some(({ hash, key }) => verify(hash, text, withWay(key), bytes))) return claims;
      if (keys.length > 0) refused?.('go-jose/go-jose: error in cryptographic primitive');
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

function credentialOf({ jti }: Claims): string {
  return `JTI=${jti}`;
}

function userOf(claims: Claims): User {
  const { namespace, serviceaccount, ...bound } = claims['kubernetes.io'];
  const refs = (['node', 'pod'] as const).flatMap((kind) => {
    const { name, uid } = bound[kind] ?? {};
    const key = `authentication.kubernetes.io/${kind}`;
    return [...(name ? [[`${key}-name`, [name]] as const] : []), ...(uid ? [[`${key}-uid`, [uid]] as const] : [])];
  });
  return {
    name: claims.sub,
    uid: serviceaccount.uid,
    groups: ['system:serviceaccounts', `system:serviceaccounts:${namespace}`, 'system:authenticated'],
    extra: { 'authentication.kubernetes.io/credential-id': [credentialOf(claims)], ...Object.fromEntries(refs) },
  };
}

function legacyOf(claims: Readonly<Record<string, unknown>> | undefined): LegacyClaims | undefined {
  if (!claims) return undefined;
  const names = ['namespace', 'secret.name', 'service-account.name', 'service-account.uid'];
  const texts = names.map((name) => claims[legacyPrefix + name]);
  if (!texts.every((text) => typeof text === 'string' && text !== '')) return undefined;
  const [namespace, secret, serviceAccount, serviceAccountUid] = texts as [string, string, string, string];
  if (claims['sub'] !== `system:serviceaccount:${namespace}:${serviceAccount}`) return undefined;
  return { namespace, secret, serviceAccount, serviceAccountUid };
}

function encode(value: object): string {
  return Buffer.from(JSON.stringify(value)).toString('base64url');
}

function decode(text: string): string {
  return Buffer.from(text, 'base64url').toString();
}
