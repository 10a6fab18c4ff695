import type { KeyObject } from 'node:crypto';
import { type Clock, type Logger, messageOf, ownMember } from '@berth/kit';
import { goValueName } from '@berth/kube';
import type { Refused, TokenAuthenticator } from '../../http/authenticate.ts';
import { quotedList } from '../../tokens/quoted-list.ts';
import type { User } from '../../user.ts';
import { CallError } from '../../webhook/call-error.ts';
import type { HttpsCaller } from '../../webhook/https-caller.ts';
import type { IdentityExpression } from './claim-expressions.ts';
import { ExpressionError } from './expression-error.ts';
import { type IdToken, readIdToken } from './id-token.ts';
import { type Claims, isSignedBy, type Jwt, parseJwt } from './jwt.ts';
import type { ClaimMapping, IdentityRule, JwtAuthenticatorOptions } from './jwt-authenticator-options.ts';
import { KeySet } from './key-set.ts';

export interface OidcParts {
  readonly caller: Pick<HttpsCaller, 'call'>;
  readonly clock: Clock;
  readonly log: Logger;
}

/** Clocks differ; go-oidc allows a token to come from as far in the future. */
const leewaySeconds = 60;

/** A claim that is not there, or not as it has to be: the token is refused, and why is logged. */
class ClaimError extends Error {}

/** ID tokens of an OpenID Connect issuer (apiserver plugin/pkg/authenticator/token/oidc). */
export class OidcAuthenticator implements TokenAuthenticator {
  readonly #options: JwtAuthenticatorOptions;
  readonly #parts: OidcParts;
  readonly #keys: KeySet;

  constructor(options: JwtAuthenticatorOptions, parts: OidcParts) {
    const { issuer, discoveryUrl, ca } = options;
    this.#options = options;
    this.#parts = parts;
    this.#keys = new KeySet({
      issuer,
      caller: parts.caller,
      clock: parts.clock,
      ...(discoveryUrl === undefined ? {} : { discoveryUrl }),
      ...(ca === undefined ? {} : { ca }),
    });
  }

  /** Resolves when the issuer's keys are known. @throws CallError – it does not answer. */
  ready(): Promise<void> {
    return this.#keys.ready();
  }

  async authenticate(token: string, refused?: Refused): Promise<User | undefined> {
    const jwt = parseJwt(token);
    if (jwt?.claims['iss'] !== this.#options.issuer) return undefined;
    try {
      await this.#verify(jwt);
      return this.#userOf(jwt.claims);
    } catch (error) {
      if (!(error instanceof ClaimError || error instanceof CallError)) throw error;
      this.#parts.log.warn('a token was refused', { issuer: this.#options.issuer, reason: error.message });
      refused?.(error.message);
      return undefined;
    }
  }

  async #verify(jwt: Jwt): Promise<void> {
    const { algorithms } = this.#options;
    if (!algorithms.some((name) => name === jwt.algorithm)) {
      const [expected, got] = [quotedList([...algorithms].sort()), JSON.stringify(jwt.algorithm)];
      throw unverified(`oidc: id token signed with unsupported algorithm, expected ${expected} got ${got}`);
    }
    // What costs nothing is looked at first: nobody makes us ask the issuer with a token that is over.
    const token = idTokenOf(jwt);
    this.#checkTimes(token);
    this.#checkAudience(token);
    const isSigned = (key: KeyObject) => isSignedBy(jwt, key, algorithms);
    if (jwt.isStrange || !(await this.#keys.isSignedBy(jwt.keyId, isSigned)))
      throw unverified('failed to verify signature: failed to verify id token signature');
  }

  #checkTimes({ expiry, notBefore }: IdToken): void {
    const now = this.#parts.clock.now() / 1000;
    if (expiry <= now) {
      const ended = new Date(Math.max(expiry, 0) * 1000).toISOString();
      const shown = `${ended.slice(0, 10)} ${ended.slice(11, 19)} +0000 UTC`;
      throw unverified(`oidc: token is expired (Token Expiry: ${shown})`);
    }
    if (notBefore !== undefined && notBefore > now + leewaySeconds)
      throw unverified('oidc: current time is before the nbf (not before) time');
  }

  #checkAudience({ audiences: given }: IdToken): void {
    const { audiences } = this.#options;
    if (audiences.some((audience) => given.includes(audience))) return;
    throw unverified(`oidc: expected audience in ${quotedList([...audiences].sort())} got ${quotedList(given)}`);
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
  return `json: cannot unmarshal ${goValueName(value)} into Go value of type string`;
}

function unverified(why: string): ClaimError {
  return new ClaimError(`oidc: verify token: ${why}`);
}

function idTokenOf({ claims }: Jwt): IdToken {
  try {
    return readIdToken(claims);
  } catch (error) {
    throw unverified(`oidc: failed to unmarshal claims: ${messageOf(error)}`);
  }
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
