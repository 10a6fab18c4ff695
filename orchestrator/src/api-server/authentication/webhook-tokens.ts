import { createHmac, randomBytes } from 'node:crypto';
import { type Clock, deadline, type Logger, SharedCalls } from '@berth/kit';
import type { Refused, TokenAuthenticator } from '../http/authenticate.ts';
import type { TokenMetrics } from '../metrics/token-metrics.ts';
import type { User } from '../user.ts';
import { CallError } from '../webhook/call-error.ts';
import { ExpiringCache } from '../webhook/expiring-cache.ts';
import type { FileWebhook } from '../webhook/file-webhook.ts';
import { readStatus } from '../webhook/read-status.ts';

export interface WebhookTokensOptions {
  readonly webhook: Pick<FileWebhook, 'post'>;
  /** Of the TokenReviews that are sent. */
  readonly version: 'v1' | 'v1beta1';
  readonly cacheTtlMs: number;
  /** What tokens for this server are for. */
  readonly audiences: readonly string[];
  readonly clock: Clock;
  readonly log: Logger;
  readonly metrics: TokenMetrics;
}

/** Of a TokenReview. */
interface ReviewedStatus {
  readonly authenticated?: boolean;
  readonly error?: string;
  readonly audiences?: readonly string[];
  readonly user?: {
    readonly username?: string;
    readonly uid?: string;
    readonly groups?: readonly string[];
    readonly extra?: Readonly<Record<string, readonly string[]>>;
  };
}

/** Upstream keeps as many in each of its stripes together. */
const cachedAnswers = 4096;

/** Upstream's, of all who wait for one answer (token/cache sharedLookupTimeout). */
const lookupMs = 30_000;

/** Asks another server whose a token is (apiserver plugin/pkg/authenticator/token/webhook); its answers are kept for a while, errors are not. */
export class WebhookTokens implements TokenAuthenticator {
  readonly #options: WebhookTokensOptions;
  readonly #cache: ExpiringCache<{ readonly user: User | undefined }>;
  readonly #asked = new SharedCalls<User | undefined>();
  /** What is kept in memory is no token. */
  readonly #secret = randomBytes(32);

  constructor(options: WebhookTokensOptions) {
    this.#options = options;
    this.#cache = new ExpiringCache(options.clock, cachedAnswers);
  }

  async authenticate(token: string, refused?: Refused): Promise<User | undefined> {
    const { clock, metrics } = this.#options;
    const beganMs = clock.monotonicMs();
    let status: 'hit' | 'miss' = 'miss';
    try {
      const key = createHmac('sha256', this.#secret).update(token).digest('base64');
      const known = this.#cache.get(key);
      if (known) status = 'hit';
      return known ? known.user : await this.#fetched(key, token, refused);
    } finally {
      metrics.looked(status, clock.monotonicMs() - beganMs);
    }
  }

  async #fetched(key: string, token: string, refused: Refused | undefined): Promise<User | undefined> {
    const waited = this.#options.metrics.waiting();
    try {
      return await this.#asked.run(key, () => this.#ask(key, token));
    } catch (error) {
      if (!(error instanceof CallError)) throw error;
      // It is nobody's as long as nobody says whose it is; the next to bring it asks again.
      this.#options.log.error('a token webhook did not tell whose a token is', { reason: error.message });
      refused?.(error.message);
      return undefined;
    } finally {
      waited();
    }
  }

  async #ask(key: string, token: string): Promise<User | undefined> {
    const { metrics } = this.#options;
    const ended = metrics.fetching();
    let ok = false;
    try {
      const user = await this.#review(key, token);
      ok = true;
      return user;
    } finally {
      ended(ok);
    }
  }

  async #review(key: string, token: string): Promise<User | undefined> {
    const { version, audiences, cacheTtlMs } = this.#options;
    const answer = await this.#post({
      kind: 'TokenReview',
      apiVersion: `authentication.k8s.io/${version}`,
      metadata: { creationTimestamp: null },
      spec: { token, ...(audiences.length > 0 ? { audiences } : {}) },
      status: { user: {} },
    });
    const status: ReviewedStatus = readStatus(answer, { group: 'authentication.k8s.io', kind: 'TokenReview', version });
    // Whether it is anybody's was not told then, and may be in a moment.
    if (!status.authenticated && status.error && this.#isForUs(status)) throw new CallError(status.error);
    const user = this.#userOf(status);
    this.#cache.set(key, { user }, cacheTtlMs);
    return user;
  }

  /** However often it is asked. */
  async #post(review: object): Promise<unknown> {
    const { webhook, clock } = this.#options;
    using end = deadline(clock, lookupMs);
    try {
      return await webhook.post(review, end.signal);
    } catch (error) {
      throw end.signal.aborted ? new CallError('context deadline exceeded', { cause: error }) : error;
    }
  }

  #userOf(status: ReviewedStatus): User | undefined {
    if (!status.authenticated || !this.#isForUs(status)) return undefined;
    const { username = '', uid = '', groups = [], extra } = status.user ?? {};
    return { name: username, groups, ...(uid === '' ? {} : { uid }), ...(extra ? { extra } : {}) };
  }

  /** A server that says nothing of audiences knows none. */
  #isForUs({ audiences: given = [] }: ReviewedStatus): boolean {
    const { audiences } = this.#options;
    return given.length === 0 || audiences.length === 0 || given.some((one) => audiences.includes(one));
  }
}
