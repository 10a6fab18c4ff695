import type { SigningAlgorithm } from './jwt.ts';

/** A claim and what comes before its value. */
export interface ClaimMapping {
  readonly claim: string;
  readonly prefix: string;
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
  readonly username: ClaimMapping;
  readonly groups?: ClaimMapping;
  readonly uidClaim?: string;
  readonly requiredClaims: Readonly<Record<string, string>>;
}
