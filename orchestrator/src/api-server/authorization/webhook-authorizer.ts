import type { Clock, Logger } from '@berth/kit';
import { type Attributes, type Authorizer, type Decision, type KnownRules, unlistedRules } from '../authorizer.ts';
import type { CallError } from '../webhook/call-error.ts';
import { ExpiringCache } from '../webhook/expiring-cache.ts';
import type { FileWebhook } from '../webhook/file-webhook.ts';

export interface WebhookAuthorizerOptions {
  readonly webhook: Pick<FileWebhook, 'post'>;
  /** Of the SubjectAccessReviews that are sent. */
  readonly version: 'v1' | 'v1beta1';
  readonly authorizedTtlMs: number;
  readonly unauthorizedTtlMs: number;
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
  readonly #asked = new Map<string, Promise<ReviewStatus>>();

  constructor(options: WebhookAuthorizerOptions) {
    this.#options = options;
    this.#cache = new ExpiringCache(options.clock, cachedAnswers);
  }

  async authorize(attributes: Attributes): Promise<Decision> {
    const spec = specOf(attributes, this.#options.version);
    const key = JSON.stringify(spec);
    let status: ReviewStatus;
    try {
      status = this.#cache.get(key) ?? (await this.#ask(key, spec, attributes));
    } catch (error) {
      const { message } = error as CallError;
      this.#options.log.error('an authorization webhook did not answer', { reason: message });
      return { allowed: false, reason: '', error: message };
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

  #ask(key: string, spec: object, attributes: Attributes): Promise<ReviewStatus> {
    const known = this.#asked.get(key);
    if (known) return known;
    const asked = this.#send(spec)
      .then((status) => {
        const { authorizedTtlMs, unauthorizedTtlMs } = this.#options;
        if (isShort(attributes)) this.#cache.set(key, status, status.allowed ? authorizedTtlMs : unauthorizedTtlMs);
        return status;
      })
      .finally(() => this.#asked.delete(key));
    this.#asked.set(key, asked);
    return asked;
  }

  async #send(spec: object): Promise<ReviewStatus> {
    const { webhook, version } = this.#options;
    const apiVersion = `authorization.k8s.io/${version}`;
    const metadata = { creationTimestamp: null };
    const status = { allowed: false };
    const answer = await webhook.post({ kind: 'SubjectAccessReview', apiVersion, metadata, spec, status }, never);
    const { allowed, denied, reason } = (answer['status'] ?? {}) as Record<string, unknown>;
    return { allowed: allowed === true, denied: denied === true, reason: typeof reason === 'string' ? reason : '' };
  }
}

function specOf(attributes: Attributes, version: 'v1' | 'v1beta1'): object {
  const { user, verb, namespace, group, resource, subresource, name, path } = attributes;
  const given = (fields: Record<string, string | undefined>) =>
    Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined && value !== ''));
  const what =
    resource === ''
      ? { nonResourceAttributes: given({ path, verb }) }
      : {
          resourceAttributes: given({
            namespace,
            verb,
            group,
            version: attributes.version,
            resource,
            subresource,
            name,
          }),
        };
  return {
    ...what,
    user: user.name,
    ...(user.groups.length > 0 ? { [version === 'v1' ? 'groups' : 'group']: user.groups } : {}),
    ...(user.extra ? { extra: user.extra } : {}),
    ...(user.uid ? { uid: user.uid } : {}),
  };
}

function isShort({ namespace, verb, group, resource, subresource, name, path }: Attributes): boolean {
  const asked = [namespace, verb, group, resource, subresource, name, path];
  return asked.reduce((sum, text) => sum + text.length, 0) < maxCachedCharacters;
}
