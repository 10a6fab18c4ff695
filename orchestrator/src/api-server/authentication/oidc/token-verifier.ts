import type { KeyObject } from 'node:crypto';
import { messageOf } from '@berth/kit';
import { goQuote } from '@berth/kube';
import { quotedList } from '../../tokens/quoted-list.ts';
import { ClaimError } from './claim-error.ts';
import { type IdToken, readIdToken } from './id-token.ts';
import { isSignedBy, type Jwt, type SigningAlgorithm } from './jwt.ts';
import { KeySet, type KeySetOptions } from './key-set.ts';

export interface TokenVerifierOptions extends KeySetOptions {
  /** A token is for one of them at least. */
  readonly audiences: readonly string[];
  readonly algorithms: readonly SigningAlgorithm[];
}

/** Clocks differ; go-oidc allows a token to come from as far in the future. */
const leewaySeconds = 60;

/** Whether tokens are an issuer's, for us and in time; in the words of go-oidc's verify.go. */
export class TokenVerifier {
  readonly #options: TokenVerifierOptions;
  readonly #keys: KeySet;

  constructor(options: TokenVerifierOptions) {
    this.#options = options;
    this.#keys = new KeySet(options);
  }

  /** Resolves when the issuer's keys are known. @throws CallError – it does not answer. */
  ready(): Promise<void> {
    return this.#keys.ready();
  }

  /** What a token says, which is of this issuer by its claims. @throws ClaimError – it is not to be believed; CallError – the issuer does not answer. */
  async verify(jwt: Jwt): Promise<IdToken> {
    const { algorithms } = this.#options;
    if (!algorithms.some((name) => name === jwt.algorithm)) {
      const [expected, got] = [quotedList([...algorithms].sort()), JSON.stringify(jwt.algorithm)];
      throw new ClaimError(`oidc: id token signed with unsupported algorithm, expected ${expected} got ${got}`);
    }
    // What costs nothing is looked at first: nobody makes us ask the issuer with a token that is over.
    const token = idTokenOf(jwt);
    checkSources(token);
    this.#checkTimes(token);
    this.#checkAudience(token);
    const isSigned = (key: KeyObject) => isSignedBy(jwt, key, algorithms);
    if (jwt.isStrange || !(await this.#keys.isSignedBy(jwt.keyId, isSigned)))
      throw new ClaimError('failed to verify signature: failed to verify id token signature');
    return token;
  }

  #checkTimes({ expiry, notBefore }: IdToken): void {
    const now = this.#options.clock.now() / 1000;
    if (expiry <= now) {
      const ended = new Date(Math.max(expiry, 0) * 1000).toISOString();
      const shown = `${ended.slice(0, 10)} ${ended.slice(11, 19)} +0000 UTC`;
      throw new ClaimError(`oidc: token is expired (Token Expiry: ${shown})`);
    }
    if (notBefore !== undefined && notBefore > now + leewaySeconds)
      throw new ClaimError('oidc: current time is before the nbf (not before) time');
  }

  #checkAudience({ audiences: given }: IdToken): void {
    const { audiences } = this.#options;
    if (audiences.some((audience) => given.includes(audience))) return;
    const [only = '', ...more] = audiences;
    const expected = more.length === 0 ? goQuote(only) : `in ${quotedList([...audiences].sort())}`;
    throw new ClaimError(`oidc: expected audience ${expected} got ${quotedList(given)}`);
  }
}

function idTokenOf({ claims }: Jwt): IdToken {
  try {
    return readIdToken(claims);
  } catch (error) {
    throw new ClaimError(`oidc: failed to unmarshal claims: ${messageOf(error)}`);
  }
}

/** Claims that are said to be elsewhere, whether or not anybody asks for them. */
function checkSources({ claimNames, claimSources }: IdToken): void {
  for (const source of claimNames?.values() ?? []) {
    if (source === '') throw new ClaimError('oidc: failed to obtain source from claim name');
    if (!claimSources?.has(source)) throw new ClaimError('oidc: source does not exist');
  }
}
