import { type Clock, type Logger, SharedCalls } from '@berth/kit';
import {
  type Attributes,
  type Authorizer,
  type Decision,
  isOfPath,
  type KnownRules,
  unlistedRules,
} from '../authorizer.ts';
import type { CallError } from '../webhook/call-error.ts';
import { ExpiringCache } from '../webhook/expiring-cache.ts';
import type { FileWebhook } from '../webhook/file-webhook.ts';
import { readStatus } from '../webhook/read-status.ts';
import type { WebhookSettings } from './authorization-options.ts';
import type { MatchConditions } from './match-review.ts';
import { selectorAttributes } from './selector-attributes.ts';

/** Hears of what becomes of questions to a webhook. */
export interface WebhookObserver {
  /** Each time that it was; `canceled` is none of ours: nobody takes a question back. */
  asked(name: string, result: 'success' | 'timeout' | 'error', seconds: number): void;
  /** It was not answered, and others decide. */
  failedOpen(name: string, result: 'timeout' | 'error'): void;
  matched(name: string, verdict: 'matches' | 'excluded' | 'failed', seconds: number): void;
}

export interface WebhookAuthorizerOptions extends Omit<WebhookSettings, 'configFile' | 'timeoutMs'> {
  readonly name: string;
  readonly webhook: Pick<FileWebhook, 'post'>;
  readonly observer: WebhookObserver;
  readonly clock: Clock;
  readonly log: Logger;
}

interface ReviewStatus {
  readonly allowed: boolean;
  readonly denied: boolean;
  readonly reason: string;
}

/** Upstream's. */
const cachedAnswers = 8192;
/** What a requester makes this long is not kept: it may be meant to fill the cache. */
const maxCachedCharacters = 10_000;

const never = new AbortController().signal;

/** Asks another server (apiserver plugin/pkg/authorizer/webhook); equal questions at the same time are one. */
export class WebhookAuthorizer implements Authorizer {
  readonly #options: WebhookAuthorizerOptions;
  readonly #cache: ExpiringCache<ReviewStatus>;
  readonly #asked = new SharedCalls<ReviewStatus>();

  constructor(options: WebhookAuthorizerOptions) {
    this.#options = options;
    this.#cache = new ExpiringCache(options.clock, cachedAnswers);
  }

  async authorize(attributes: Attributes): Promise<Decision> {
    const { version, deniesOnError, log } = this.#options;
    const verdict = this.#matches(attributes);
    if ('error' in verdict) return undecided(verdict.error, deniesOnError);
    if (!verdict.matches) return { allowed: false, reason: '' };
    const spec = specOf(attributes, version);
    const key = JSON.stringify(spec);
    let status: ReviewStatus;
    try {
      status = this.#cache.get(key) ?? (await this.#ask(key, spec, attributes));
    } catch (error) {
      const { message } = error as CallError;
      log.error('an authorization webhook did not answer', { reason: message });
      return undecided(message, deniesOnError);
    }
    const { allowed, denied, reason } = status;
    if (denied && allowed)
      return {
        allowed: false,
        denied,
        reason,
        error: 'webhook subject access review returned both allow and deny response',
      };
    return denied ? { allowed: false, denied, reason } : { allowed, reason };
  }

  rulesFor(): KnownRules {
    return unlistedRules('webhook');
  }

  #matches(attributes: Attributes): ReturnType<MatchConditions['match']> {
    const { name, conditions, observer, clock } = this.#options;
    if (!conditions) return { matches: true };
    const began = clock.monotonicMs();
    const verdict = conditions.match(wholeReview(attributes));
    const told = 'error' in verdict ? 'failed' : verdict.matches ? 'matches' : 'excluded';
    observer.matched(name, told, (clock.monotonicMs() - began) / 1000);
    return verdict;
  }

  #ask(key: string, spec: object, attributes: Attributes): Promise<ReviewStatus> {
    return this.#asked.run(key, async () => {
      const status = await this.#send(spec);
      const { authorizedTtlMs, unauthorizedTtlMs } = this.#options;
      if (isShort(attributes)) this.#cache.set(key, status, status.allowed ? authorizedTtlMs : unauthorizedTtlMs);
      return status;
    });
  }

  async #send(spec: object): Promise<ReviewStatus> {
    const { version } = this.#options;
    const apiVersion = `authorization.k8s.io/${version}`;
    const metadata = {};
    const status = { allowed: false };
    const { allowed, denied, reason } = await this.#post({
      kind: 'SubjectAccessReview',
      apiVersion,
      metadata,
      spec,
      status,
    });
    return { allowed: allowed === true, denied: denied === true, reason: typeof reason === 'string' ? reason : '' };
  }

  async #post(review: object): Promise<ReturnType<typeof readStatus>> {
    const { webhook, name, observer, deniesOnError } = this.#options;
    try {
      return await webhook.post(review, never, (once) => this.#askOnce(once));
    } catch (error) {
      if (!deniesOnError) observer.failedOpen(name, resultOf(error as CallError));
      throw error;
    }
  }

  async #askOnce(once: () => Promise<unknown>): Promise<ReturnType<typeof readStatus>> {
    const { name, observer, clock, version } = this.#options;
    const began = clock.monotonicMs();
    const asked = (result: Parameters<WebhookObserver['asked']>[1]) =>
      observer.asked(name, result, (clock.monotonicMs() - began) / 1000);
    try {
      const status = readStatus(await once(), { group: 'authorization.k8s.io', kind: 'SubjectAccessReview', version });
      asked('success');
      return status;
    } catch (error) {
      asked(resultOf(error as CallError));
      throw error;
    }
  }
}

function resultOf({ status, message }: CallError): 'timeout' | 'error' {
  return status === 504 || / exceeded/.test(message) ? 'timeout' : 'error';
}

function undecided(error: string, denied: boolean): Decision {
  return denied ? { allowed: false, denied, reason: '', error } : { allowed: false, reason: '', error };
}

/** Fields without a value are not sent. */
function specOf(attributes: Attributes, version: 'v1' | 'v1beta1'): object {
  const { user, groups, extra, uid, ...what } = wholeReview(attributes);
  const given = (fields: object) => Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== ''));
  return {
    ...Object.fromEntries(Object.entries(what).map(([name, fields]) => [name, given(fields)])),
    user,
    ...(groups.length > 0 ? { [version === 'v1' ? 'groups' : 'group']: groups } : {}),
    ...(attributes.user.extra ? { extra } : {}),
    ...(uid ? { uid } : {}),
  };
}

/** The spec of a SubjectAccessReview with all fields there are. */
function wholeReview(attributes: Attributes) {
  const { user, verb, namespace, group, version = '', resource, subresource, name, path } = attributes;
  const { name: userName, groups, extra = {}, uid = '' } = user;
  const what = isOfPath(attributes)
    ? { nonResourceAttributes: { path, verb } }
    : {
        resourceAttributes: {
          namespace,
          verb,
          group,
          version,
          resource,
          subresource,
          name,
          ...selectorAttributes(attributes),
        },
      };
  return { ...what, user: userName, groups, extra, uid };
}

function isShort({ namespace, verb, group, resource, subresource, name, path }: Attributes): boolean {
  const asked = [namespace, verb, group, resource, subresource, name, path];
  return asked.reduce((sum, text) => sum + text.length, 0) < maxCachedCharacters;
}
