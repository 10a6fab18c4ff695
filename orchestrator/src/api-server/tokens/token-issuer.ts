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

/** Whose a token is. `secret`: what it ends with, beside what the user tells. */
export interface ReviewedToken {
  readonly user: User;
  readonly audiences: readonly string[];
  readonly secret?: ClaimedObject;
}

export interface TokenRequest {
  readonly namespace: string;
  readonly serviceAccount: string;
  readonly serviceAccountUid: string;
  /** Empty: the server's own. */
  readonly audiences: readonly string[];
  readonly expirationSeconds: number;
  /** The token ends with this object. */
  readonly boundTo?: BoundTo;
}

export interface IssuedToken {
  readonly token: string;
  /** RFC 3339. */
  readonly expirationTimestamp: string;
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
}

/** Makes tokens that stand for service accounts. */
export interface TokenIssuer {
  /** Who signs, and the audience where a request names none. */
  readonly issuer: string;
  /** By which others verify its tokens; absent: they cannot. */
  readonly keySet?: KeySet;
  issue(request: TokenRequest): Promise<IssuedToken>;
  /** What the token says about its bearer, if it is one of ours and valid for one of `audiences` (empty: for this server). */
  review(token: string, audiences: readonly string[]): Promise<ReviewedToken | undefined>;
  /** What a token of ours says that lies in a Secret; undefined: it is none. Absent: there are none. */
  readLegacy?(token: string): LegacyClaims | undefined;
}
