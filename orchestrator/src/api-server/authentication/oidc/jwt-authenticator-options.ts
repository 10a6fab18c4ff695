import type { IdentityExpression } from './claim-expressions.ts';
import type { SigningAlgorithm } from './jwt.ts';

/** A claim and what comes before its value. */
export interface ClaimMapping {
  readonly claim: string;
  readonly prefix: string;
}

/** What has to be true, and what is said where it is not. */
export interface IdentityRule {
  readonly expression: IdentityExpression;
  readonly message: string;
}

/** One issuer whose tokens are accepted, by flags or by a file (apiserver.config.k8s.io JWTAuthenticator). */
export interface JwtAuthenticatorOptions {
  readonly issuer: string;
  readonly discoveryUrl?: string;
  /** PEM. */
  readonly ca?: string;
  /** A token is for one of them at least. */
  readonly audiences: readonly string[];
  readonly algorithms: readonly SigningAlgorithm[];
  readonly username: ClaimMapping | IdentityExpression;
  readonly groups?: ClaimMapping | IdentityExpression;
  readonly uid?: Omit<ClaimMapping, 'prefix'> | IdentityExpression;
  readonly extra?: readonly { readonly key: string; readonly expression: IdentityExpression }[];
  readonly requiredClaims: Readonly<Record<string, string>>;
  readonly claimRules?: readonly IdentityRule[];
  readonly userRules?: readonly IdentityRule[];
}
