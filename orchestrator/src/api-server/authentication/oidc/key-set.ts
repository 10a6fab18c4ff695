import { createPublicKey, type JsonWebKeyInput, type KeyObject } from 'node:crypto';
import type { Clock } from '@berth/kit';
import { answerWords } from '../../webhook/answer-words.ts';
import { CallError } from '../../webhook/call-error.ts';
import type { HttpsCaller } from '../../webhook/https-caller.ts';

interface Key {
  readonly id: string | undefined;
  readonly key: KeyObject;
}

export interface KeySetOptions {
  /** Of the issuer; its discovery document has to say the same. */
  readonly issuer: string;
  /** Where the document is, if not at its place under the issuer. */
  readonly discoveryUrl?: string;
  /** PEM; absent: what the system trusts. */
  readonly ca?: string;
  readonly caller: Pick<HttpsCaller, 'call'>;
  readonly clock: Clock;
}

const timeoutMs = 30_000;
/** How long an issuer that does not answer is left alone. */
const restMs = 10_000;

const never = new AbortController().signal;

/** An issuer's public keys, found through its discovery document and read again when a token is of a new one. */
export class KeySet {
  readonly #options: KeySetOptions;
  #keys: readonly Key[] | undefined;
  #reading: Promise<readonly Key[]> | undefined;
  #restUntilMs = Number.NEGATIVE_INFINITY;
  #failure: unknown;

  constructor(options: KeySetOptions) {
    this.#options = options;
  }

  /** Resolves when they are known. @throws CallError – the issuer does not answer. */
  async ready(): Promise<void> {
    if (this.#keys) return;
    if (this.#isResting()) throw this.#failure;
    await this.#read();
  }

  /** Whether one of the keys called `id` (none named: of all) made a signature. @throws CallError – the issuer does not answer. */
  async isSignedBy(id: string | undefined, isSigned: (key: KeyObject) => boolean): Promise<boolean> {
    const fits = (keys: readonly Key[]) => keys.some((one) => (id === undefined || one.id === id) && isSigned(one.key));
    if (this.#keys && fits(this.#keys)) return true;
    if (this.#isResting()) return false;
    // As upstream's: a new key counts at once. All that miss one meanwhile ask together.
    return fits(await this.#read());
  }

  #isResting(): boolean {
    return this.#options.clock.monotonicMs() < this.#restUntilMs;
  }

  #read(): Promise<readonly Key[]> {
    this.#reading ??= this.#fetch()
      .then((keys) => {
        this.#keys = keys;
        return keys;
      })
      .catch((error: unknown) => {
        this.#restUntilMs = this.#options.clock.monotonicMs() + restMs;
        this.#failure = error;
        throw error;
      })
      .finally(() => {
        this.#reading = undefined;
      });
    return this.#reading;
  }

  async #fetch(): Promise<readonly Key[]> {
    const { issuer, discoveryUrl } = this.#options;
    const wellKnown = `${issuer.replace(/\/$/, '')}/.well-known/openid-configuration`;
    const found = await this.#get(discoveryUrl ?? wellKnown);
    const { issuer: said, jwks_uri: place } = found;
    if (said !== issuer)
      throw new CallError(
        `oidc: issuer did not match the issuer returned by provider, expected ${JSON.stringify(issuer)} got ${JSON.stringify(said)}`,
      );
    if (typeof place !== 'string' || !place.startsWith('https://'))
      throw new CallError(`oidc: jwks_uri ${JSON.stringify(place)} is no https URL`);
    const { keys } = await this.#get(place);
    return Array.isArray(keys) ? keys.flatMap(keyOf) : [];
  }

  async #get(url: string): Promise<Record<string, unknown>> {
    const { ca, caller } = this.#options;
    const target = { url, ...(ca === undefined ? {} : { ca }) };
    const { status, body, headers } = await caller.call({ target, method: 'GET', timeoutMs }, never);
    if (status !== 200) throw new CallError(answerWords(status, body, headers['content-type']), { status });
    try {
      const value: unknown = JSON.parse(body.toString());
      if (typeof value === 'object' && value !== null) return value as Record<string, unknown>;
    } catch {
      // Said below.
    }
    throw new CallError(`oidc: ${url} is no JSON object`);
  }
}

/** Keys of kinds that are not known here are left out, as others may know them. */
function keyOf(jwk: unknown): Key[] {
  if (typeof jwk !== 'object' || jwk === null) return [];
  const { kid, kty, use } = jwk as Record<string, unknown>;
  if ((kty !== 'RSA' && kty !== 'EC') || use === 'enc') return [];
  try {
    const key = createPublicKey({ key: jwk as JsonWebKeyInput['key'], format: 'jwk' });
    return [{ id: typeof kid === 'string' ? kid : undefined, key }];
  } catch {
    return [];
  }
}
