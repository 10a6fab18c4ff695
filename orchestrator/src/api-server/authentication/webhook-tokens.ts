import { createHmac, randomBytes } from 'node:crypto';
import { type Clock, deadline, type Logger, SharedCalls } from '@berth/kit';
import type { Refused, TokenAuthenticator, TokenUser } from '../http/authenticate.ts';
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

interface AskedToken {
  readonly token: string;
  /** Whom it may be for. */
  readonly audiences: readonly string[];
}

/** Upstream keeps as many in each of its stripes together. */
const cachedAnswers = 4096;

/** Upstream's, of all who wait for one answer (token/cache sharedLookupTimeout). */
const lookupMs = 30_000;

/** Asks another server whose a token is (apiserver plugin/pkg/authenticator/token/webhook); its answers are kept for a while, errors are not. */
export class WebhookTokens implements TokenAuthenticator {
  readonly #options: WebhookTokensOptions;
  readonly #cache: ExpiringCache<{ readonly found: TokenUser | undefined }>;
  readonly #asked = new SharedCalls<TokenUser | undefined>();
  /** What is kept in memory is no token. */
  readonly #secret = randomBytes(32);

  constructor(options: WebhookTokensOptions) {
    this.#options = options;
    this.#cache = new ExpiringCache(options.clock, cachedAnswers);
  }

  async authenticate(token: string, refused?: Refused): Promise<User | undefined> {
    return (await this.review(token, [], refused))?.user;
  }

  async review(token: string, audiences: readonly string[], refused?: Refused): Promise<TokenUser | undefined> {
    const { clock, metrics, audiences: own } = this.#options;
    const beganMs = clock.monotonicMs();
    let status: 'hit' | 'miss' = 'miss';
    try {
      const asked = { token, audiences: audiences.length > 0 ? audiences : own };
      const key = createHmac('sha256', this.#secret).update(JSON.stringify(asked)).digest('base64');
      const known = this.#cache.get(key);
      if (known) status = 'hit';
      return known ? known.found : await this.#fetched(key, asked, refused);
    } finally {
      metrics.looked(status, clock.monotonicMs() - beganMs);
    }
  }

  async #fetched(key: string, asked: AskedToken, refused: Refused | undefined): Promise<TokenUser | undefined> {
    const waited = this.#options.metrics.waiting();
    try {
      return await this.#asked.run(key, () => this.#ask(key, asked));
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

  async #ask(key: string, asked: AskedToken): Promise<TokenUser | undefined> {
    const { metrics } = this.#options;
    const ended = metrics.fetching();
    let ok = false;
    try {
      const found = await this.#review(key, asked);
      ok = true;
      return found;
    } finally {
      ended(ok);
    }
  }

  async #review(key: string, { token, audiences }: AskedToken): Promise<TokenUser | undefined> {
    const { version, cacheTtlMs } = this.#options;
    const answer = await this.#post({
      kind: 'TokenReview',
      apiVersion: `authentication.k8s.io/${version}`,
      metadata: {},
      spec: { token, ...(audiences.length > 0 ? { audiences } : {}) },
      status: { user: {} },
    });
    const status: ReviewedStatus = readStatus(answer, { group: 'authentication.k8s.io', kind: 'TokenReview', version });
    const common = this.#commonAudiences(status, audiences);
    // Whether it is anybody's was not told then, and may be in a moment.
    if (!status.authenticated && status.error && common) throw new CallError(status.error);
    const found = status.authenticated && common ? { user: userOf(status), audiences: common } : undefined;
    this.#cache.set(key, { found }, cacheTtlMs);
    return found;
  }

  /** However often it is asked. */
  async #post(review: object): Promise<unknown> {
    const { webhook, clock } = this.#options;
    using end = deadline(clock, lookupMs);
    try {
      return await webhook.post(review, end.signal, (once) => once());
    } catch (error) {
      throw end.signal.aborted ? new CallError('context deadline exceeded', { cause: error }) : error;
    }
  }

  /** A server that says nothing of audiences knows none: its tokens are for this one. Undefined: it is for none that was asked about. */
  #commonAudiences({ audiences: given = [] }: ReviewedStatus, asked: readonly string[]) {
    const said = given.length > 0 ? given : this.#options.audiences;
    const common = said.filter((one) => asked.includes(one));
    return common.length > 0 || asked.length === 0 ? common : undefined;
  }
}

function userOf({ user = {} }: ReviewedStatus): User {
  const { username = '', uid = '', groups = [], extra } = user;
  return { name: username, groups, ...(uid === '' ? {} : { uid }), ...(extra ? { extra } : {}) };
}
