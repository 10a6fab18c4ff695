import { type Clock, type Logger, ownMember } from '@berth/kit';
import { unmarshalProblem } from '@berth/kube';
import type { Refused, TokenAuthenticator } from '../../http/authenticate.ts';
import type { TokenMetrics } from '../../metrics/token-metrics.ts';
import type { User } from '../../user.ts';
import { CallError } from '../../webhook/call-error.ts';
import type { HttpsCaller } from '../../webhook/https-caller.ts';
import { ClaimError, refusing } from './claim-error.ts';
import type { IdentityExpression } from './claim-expressions.ts';
import { DistributedClaim } from './distributed-claim.ts';
import { ExpressionError } from './expression-error.ts';
import { type Claims, issuerOf, type Jwt, parseJwt } from './jwt.ts';
import type { ClaimMapping, IdentityRule, JwtAuthenticatorOptions } from './jwt-authenticator-options.ts';
import { TokenVerifier } from './token-verifier.ts';

export interface OidcParts {
  readonly caller: Pick<HttpsCaller, 'call'>;
  readonly clock: Clock;
  readonly log: Logger;
  /** Absent: nothing is counted. */
  readonly metrics?: Pick<TokenMetrics, 'judged'>;
}

/** ID tokens of an OpenID Connect issuer (apiserver plugin/pkg/authenticator/token/oidc). */
export class OidcAuthenticator implements TokenAuthenticator {
  readonly #options: JwtAuthenticatorOptions;
  readonly #parts: OidcParts;
  readonly #verifier: TokenVerifier;
  readonly #distributed: DistributedClaim | undefined;

  constructor(options: JwtAuthenticatorOptions, parts: OidcParts) {
    const { issuer, discoveryUrl, ca, audiences, algorithms, groups } = options;
    const { caller, clock } = parts;
    this.#options = options;
    this.#parts = parts;
    const common = { caller, clock, audiences, algorithms, ...(ca === undefined ? {} : { ca }) };
    this.#verifier = new TokenVerifier({ ...common, issuer, ...(discoveryUrl === undefined ? {} : { discoveryUrl }) });
    // Of what an expression asks for, nobody knows the name.
    if (groups && 'claim' in groups)
      this.#distributed = new DistributedClaim({ ...common, claim: groups.claim, issuer, verifier: this.#verifier });
  }

  /** Resolves when the issuer's keys are known. @throws CallError – it does not answer. */
  ready(): Promise<void> {
    return this.#verifier.ready();
  }

  async authenticate(token: string, refused?: Refused): Promise<User | undefined> {
    const jwt = parseJwt(token);
    const { issuer } = this.#options;
    if (!jwt || issuerOf(jwt) !== issuer) return undefined;
    const { clock, metrics } = this.#parts;
    const beganMs = clock.monotonicMs();
    let accepted = false;
    try {
      const user = this.#userOf(await this.#claimsOf(jwt));
      accepted = true;
      return user;
    } catch (error) {
      if (!(error instanceof ClaimError || error instanceof CallError)) throw error;
      this.#parts.log.warn('a token was refused', { issuer, reason: error.message });
      refused?.(error.message);
      return undefined;
    } finally {
      metrics?.judged(issuer, accepted, clock.monotonicMs() - beganMs);
    }
  }

  async #claimsOf(jwt: Jwt): Promise<Claims> {
    const token = await refusing('oidc: verify token', () => this.#verifier.verify(jwt));
    const expanded = () => this.#distributed?.expand(jwt, token) ?? jwt.claims;
    return refusing('oidc: could not expand distributed claims', expanded);
  }

  #userOf(claims: Claims): User {
    const { requiredClaims, claimRules = [], userRules = [] } = this.#options;
    const user = this.#mapped(claims);
    for (const [claim, value] of Object.entries(requiredClaims)) {
      if (!Object.hasOwn(claims, claim)) throw new ClaimError(`oidc: required claim ${claim} not present in ID token`);
      const got = claims[claim];
      if (typeof got !== 'string') throw new ClaimError(`oidc: parse claim ${claim}: ${noText(got)}`);
      if (got !== value)
        throw new ClaimError(`oidc: required claim ${claim} value does not match. Got = ${got}, want = ${value}`);
    }
    checkRules('claim validation expression', claimRules, claims);
    const { name: username, uid = '', groups, extra = {} } = user;
    checkRules('user info validation rule', userRules, { username, uid, groups, extra });
    return user;
  }

  #mapped(claims: Claims): User {
    const { username, groups, uid, extra = [] } = this.#options;
    const name = 'claim' in username ? nameOf(claims, username) : expressedName(claims, username);
    const id =
      uid &&
      ('claim' in uid
        ? textOf(claims, uid.claim, 'uid claim')
        : explained('uid claim expression', () => uid.textOf(claims, 'uid')));
    const jti = claims['jti'];
    const told = [
      {
        key: 'authentication.kubernetes.io/credential-id',
        values: typeof jti === 'string' && jti ? [`JTI=${jti}`] : [],
      },
      ...extra.map(({ key, expression }) => ({ key, values: expressedTexts('extra', claims, expression) })),
    ].filter(({ values }) => values.length > 0);
    return {
      name,
      groups: groups ? ('claim' in groups ? groupsOf(claims, groups) : expressedTexts('group', claims, groups)) : [],
      ...(id ? { uid: id } : {}),
      ...(told.length > 0 ? { extra: Object.fromEntries(told.map(({ key, values }) => [key, values])) } : {}),
    };
  }
}

function nameOf(claims: Claims, { claim, prefix }: ClaimMapping): string {
  if (claim === 'email' && claims['email_verified'] !== undefined && claims['email_verified'] !== true)
    throw new ClaimError('oidc: email not verified');
  return prefix + textOf(claims, claim, 'username claims');
}

function expressedName(claims: Claims, expression: IdentityExpression): string {
  const name = explained('username claim expression', () => expression.textOf(claims, 'username'));
  if (name === '') throw new ClaimError('oidc: empty username via CEL expression is not allowed');
  return name;
}

function expressedTexts(what: string, claims: Claims, expression: IdentityExpression): string[] {
  return explained(`${what} claim expression`, () => expression.textsOf(claims));
}

function checkRules(what: string, rules: readonly IdentityRule[], about: object): void {
  explained(what, () => {
    const results = rules.map(({ expression, message }) => ({ expression, message, holds: expression.holds(about) }));
    for (const { expression, message, holds } of results)
      if (!holds) throw new ExpressionError(`validation expression '${expression.text}' failed: ${message}`);
  });
}

function explained<T>(what: string, evaluate: () => T): T {
  try {
    return evaluate();
  } catch (error) {
    throw error instanceof ExpressionError ? new ClaimError(`oidc: error evaluating ${what}: ${error.message}`) : error;
  }
}

/** Unlike upstream's, an empty name is nobody's. */
function textOf(claims: Claims, claim: string, what: string): string {
  const value = ownMember(claims, claim);
  if (typeof value === 'string' && value !== '') return value;
  const why = value === undefined ? 'claim not present' : value === '' ? 'claim is empty' : noText(value);
  throw new ClaimError(`oidc: parse ${what} ${JSON.stringify(claim)}: ${why}`);
}

function noText(value: unknown): string {
  return unmarshalProblem(value, 'value of type string');
}

/** A single group may stand alone. */
function groupsOf(claims: Claims, { claim, prefix }: ClaimMapping): string[] {
  const value = ownMember(claims, claim);
  if (value === undefined || value === null) return [];
  return [value].flat().map((group) => {
    if (typeof group === 'string') return prefix + group;
    throw new ClaimError(`oidc: parse groups claim ${JSON.stringify(claim)}: ${noText(value)}`);
  });
}
