import { createHash } from 'node:crypto';
import { STATUS_CODES } from 'node:http';
import { SharedCalls } from '@berth/kit';
import { goQuote, isRecord, LruMap, unmarshalProblem } from '@berth/kube';
import { CallError } from '../../webhook/call-error.ts';
import { ExpiringCache } from '../../webhook/expiring-cache.ts';
import { urlErrors } from './check-issuer.ts';
import { ClaimError, refusing } from './claim-error.ts';
import type { ClaimSource, IdToken } from './id-token.ts';
import { type Claims, issuerOf, type Jwt, parseJwt } from './jwt.ts';
import { TokenVerifier, type TokenVerifierOptions } from './token-verifier.ts';

export interface DistributedClaimOptions extends Omit<TokenVerifierOptions, 'discoveryUrl'> {
  /** Its name. */
  readonly claim: string;
  /** Of the issuer's own tokens, which may stand at an endpoint as well. */
  readonly verifier: TokenVerifier;
}

/** Of upstream's client. */
const timeoutMs = 30_000;
/** What is too much for a token is elsewhere; upstream has no limit. */
const mostBytes = 1024 * 1024;
/** As long upstream knows a token again (kubeapiserver authenticator, TokenSuccessCacheTTL). */
const keptMs = 10_000;
const mostKept = 1024;
/** There are few; endpoints name them. */
const mostIssuers = 16;

/** What a header holds (RFC 9110 §5.5). */
const headerValue = /^[\t\x20-\x7e\x80-\xff]*$/;

const never = new AbortController().signal;

/**
 * A claim that is not in a token but at an endpoint the token names, in a token again, of whichever issuer
 * (OpenID Connect Core §5.6.2; apiserver plugin/pkg/authenticator/token/oidc claimResolver).
 * Unlike upstream, only https is asked, redirects are not followed and the first token waits for its issuer's keys.
 */
export class DistributedClaim {
  readonly #options: DistributedClaimOptions;
  readonly #verifiers = new LruMap<string, TokenVerifier>(mostIssuers);
  readonly #kept: ExpiringCache<{ readonly value: unknown }>;
  readonly #asked = new SharedCalls<unknown>();

  constructor(options: DistributedClaimOptions) {
    this.#options = options;
    this.#kept = new ExpiringCache(options.clock, mostKept);
  }

  /** A verified token's claims, with the one that is elsewhere. @throws ClaimError – it is not to be had. */
  async expand(jwt: Jwt, token: IdToken): Promise<Claims> {
    const { claim } = this.#options;
    const source = sourceOf(claim, jwt, token);
    return source ? { ...jwt.claims, [claim]: await this.#valueFor(jwt, source) } : jwt.claims;
  }

  async #valueFor({ signed }: Jwt, source: ClaimSource): Promise<unknown> {
    const key = createHash('sha256').update(signed).digest('base64');
    const known = this.#kept.get(key);
    if (known) return known.value;
    return this.#asked.run(key, async () => {
      const value = await this.#resolved(source);
      this.#kept.set(key, { value }, keptMs);
      return value;
    });
  }

  async #resolved(source: ClaimSource): Promise<unknown> {
    const { claim } = this.#options;
    const { endpoint } = source;
    const text = await refusing(`while getting distributed claim ${goQuote(claim)}`, () => this.#get(source));
    const unread = `getting untrusted issuer from endpoint ${endpoint} failed for claim ${goQuote(claim)}`;
    const jwt = await refusing(unread, () => compactJwt(text));
    const verifier = await this.#verifierOf(issuerOf(jwt));
    await refusing('verify distributed claim token', () => verifier.verify(jwt));
    if (Object.hasOwn(jwt.claims, claim)) return jwt.claims[claim];
    throw new ClaimError(
      `jwt returned by distributed claim endpoint ${goQuote(endpoint)} did not contain claim: ${claim}`,
    );
  }

  async #get({ endpoint, accessToken }: ClaimSource): Promise<string> {
    const { ca, caller } = this.#options;
    const url = urlOf(endpoint);
    if (!headerValue.test(accessToken))
      throw new ClaimError(`Get ${goQuote(url)}: net/http: invalid header field value for "Authorization"`);
    const headers = accessToken === '' ? {} : { authorization: `Bearer ${accessToken}` };
    const target = { url, headers, ...(ca === undefined ? {} : { ca }) };
    const call = { target, method: 'GET', timeoutMs, isClientLimit: true, mostBytes };
    const { status, body } = await caller.call(call, never).catch(refuse);
    if (status >= 200 && status <= 226) return body.toString();
    throw new ClaimError(
      `error while getting distributed claim JWT: ${[status, STATUS_CODES[status]].join(' ').trim()}`,
    );
  }

  async #verifierOf(said: unknown): Promise<TokenVerifier> {
    const { issuer: own, verifier, claim: _, ...common } = this.#options;
    const issuer = typeof said === 'string' ? said : '';
    if (issuer === own) return verifier;
    try {
      if (!URL.canParse(issuer) || urlErrors(issuer, 'iss').length > 0) throw new CallError('it is no issuer');
      const found = this.#verifiers.get(issuer) ?? new TokenVerifier({ ...common, issuer });
      this.#verifiers.set(issuer, found);
      await found.ready();
      return found;
    } catch (error) {
      if (!(error instanceof CallError)) throw error;
      throw new ClaimError(
        `verifying untrusted issuer ${issuer} failed: verifier not initialized for issuer: ${goQuote(issuer)}`,
      );
    }
  }
}

/** Whom to ask; undefined: it is in the token, or nobody is to be asked. */
function sourceOf(claim: string, { claims }: Jwt, { claimNames, claimSources }: IdToken): ClaimSource | undefined {
  if (Object.hasOwn(claims, claim) || !Object.hasOwn(claims, '_claim_names')) return undefined;
  if (!Object.hasOwn(claims, '_claim_sources')) throw new ClaimError('oidc: no claim sources');
  for (const source of Object.values(claims['_claim_sources'] ?? {})) {
    const aggregated = isRecord(source) ? (source['JWT'] ?? '') : '';
    if (typeof aggregated === 'string') continue;
    const why = unmarshalProblem(aggregated, 'struct field endpoint.JWT of type string');
    throw new ClaimError(`oidc: could not parse claim sources: ${why}`);
  }
  const source = claimSources?.get(claimNames?.get(claim) ?? '');
  return source?.endpoint ? source : undefined;
}

/** Where to ask: what is sent there and comes back is nobody else's to read. */
function urlOf(endpoint: string): string {
  const url = URL.parse(endpoint);
  if (!url) throw new ClaimError(`while calling ${endpoint}: parse ${goQuote(endpoint)}: it is no URL`);
  if (url.protocol !== 'https:') {
    const scheme = goQuote(url.protocol.slice(0, -1));
    throw new ClaimError(`Get ${goQuote(endpoint)}: unsupported protocol scheme ${scheme}`);
  }
  if (url.username !== '' || url.password !== '') throw new ClaimError('the endpoint has a name or password in it');
  url.hash = '';
  return url.href;
}

function refuse(error: unknown): never {
  throw error instanceof CallError ? new ClaimError(error.message, { cause: error }) : error;
}

function compactJwt(answer: string): Jwt {
  const text = answer.replace(/\s+/g, '');
  if (text.startsWith('{')) throw new ClaimError('token is not compact JWT');
  const jwt = parseJwt(text, mostBytes);
  if (!jwt) throw new ClaimError('malformed token');
  return jwt;
}
