import type { Refused } from '../http/authenticate.ts';
import type { User } from '../user.ts';

export interface BoundTo {
  readonly kind: string;
  readonly name: string;
  readonly uid: string;
  /** Of a pod: where it is. */
  readonly node?: ClaimedObject;
}

/** How a token names an object. */
export interface ClaimedObject {
  readonly name: string;
  readonly uid?: string;
}

/** What a token ends with, as it names them; with a node only where it names no pod: of a pod, the node is told alone. */
export interface TokenBinding {
  readonly namespace: string;
  readonly serviceAccount: Required<ClaimedObject>;
  readonly pod?: Required<ClaimedObject>;
  readonly secret?: Required<ClaimedObject>;
  readonly node?: Required<ClaimedObject>;
}

/** Whose a token is. */
export interface ReviewedToken {
  readonly user: User;
  readonly audiences: readonly string[];
  /** The same object for each request with a token. Absent: what it ends with was looked for already. */
  readonly binding?: TokenBinding;
  /** Of one that was given more time than was asked for: when that would have ended, in seconds. */
  readonly warnAfter?: number;
}

export interface TokenRequest {
  readonly namespace: string;
  readonly serviceAccount: string;
  readonly serviceAccountUid: string;
  /** Empty: the server's own. */
  readonly audiences: readonly string[];
  readonly expirationSeconds: number;
  /** Uses later than that are told, where the token is good for longer than was asked for. */
  readonly warnAfterSeconds?: number;
  /** The token ends with this object. */
  readonly boundTo?: BoundTo;
}

export interface IssuedToken {
  readonly token: string;
  /** RFC 3339: until then another one shall be asked for. */
  readonly expirationTimestamp: string;
  /** Who uses it is told by that. */
  readonly credentialId: string;
}

/** How long tokens are good. */
export interface TokenLifetimes {
  /** At most; 0: as long as is asked for (--service-account-max-token-expiration). */
  readonly maxSeconds: number;
  /** Tokens of pods as admission asks for them are good for a year, for programs that do not read them again (--service-account-extend-token-expiration). */
  readonly extendsThoseOfPods: boolean;
}

/** What a token says that lies in a Secret. */
export interface LegacyClaims {
  readonly namespace: string;
  readonly serviceAccount: string;
  readonly serviceAccountUid: string;
  readonly secret: string;
}

/** Public keys (RFC 7517), and how they sign. */
export interface KeySet {
  readonly algorithms: readonly string[];
  readonly keys: readonly object[];
  /** Where it is; absent: at this server. */
  readonly uri?: string;
}

/** Makes tokens that stand for service accounts. */
export interface TokenIssuer {
  /** Who signs. */
  readonly issuer: string;
  /** Whose tokens are taken, too. */
  readonly otherIssuers: readonly string[];
  /** What tokens for this server are for: the audiences where a request names none. */
  readonly audiences: readonly string[];
  /** By which others verify its tokens; absent: they cannot. */
  readonly keySet?: KeySet;
  /** Absent: as long as is asked for. */
  readonly lifetimes?: TokenLifetimes;
  issue(request: TokenRequest): Promise<IssuedToken>;
  /** What the token says about its bearer, if it is one of ours and valid for one of `audiences` (empty: for this server). */
  review(token: string, audiences: readonly string[], refused?: Refused): Promise<ReviewedToken | undefined>;
  /** What a token of ours says that lies in a Secret; undefined: it is none. Absent: there are none. */
  readLegacy?(token: string, refused?: Refused): LegacyClaims | undefined;
}
