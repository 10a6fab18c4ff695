import type { Logger } from '@berth/kit';
import type { AdmissionPlugin, AdmissionRequest } from '../../admission/admission.ts';
import type { Authorizer } from '../../authorizer.ts';
import type { HookCallObserver } from '../../metrics/admission-metrics.ts';
import type { ServerContext } from '../../server-context.ts';
import type { HookParts } from './call-hook.ts';
import type { Hook } from './hook.ts';
import type { HookIdentities } from './hook-identities.ts';
import { HookList } from './hook-list.ts';
import { isExempt, ruledDefinition } from './invocation.ts';

const group = 'admissionregistration.k8s.io';

export interface WebhookAdmissionParts {
  /** Asked at each request: it is made after admission. */
  readonly authorizer: () => Authorizer;
  /** The same. Absent: nothing is counted. */
  readonly metrics: (() => HookCallObserver) | undefined;
  readonly identities: Readonly<Record<'mutating' | 'validating', HookIdentities | undefined>>;
}

/** Admission by webhooks: their configurations are followed; without any a request costs nothing more. */
export class WebhookAdmission {
  readonly #context: ServerContext;
  readonly #parts: WebhookAdmissionParts;
  readonly #mutating = new HookList();
  readonly #validating = new HookList();

  constructor(context: ServerContext, parts: WebhookAdmissionParts) {
    this.#context = context;
    this.#parts = parts;
  }

  async start(log: Logger, signal: AbortSignal): Promise<void> {
    const lists = [
      ['mutatingwebhookconfigurations', this.#mutating],
      ['validatingwebhookconfigurations', this.#validating],
    ] as const;
    await Promise.all(
      lists.map(async ([plural, list]) => {
        const storage = this.#context.storageOf(group, plural);
        if (storage) await list.start(storage, { log, clock: this.#context.clock, signal });
      }),
    );
  }

  /** Whether a webhook may be asked about such a request, so that its answer takes long. */
  callsOut(about: Pick<AdmissionRequest, 'definition' | 'operation' | 'subresource' | 'namespace' | 'name'>): boolean {
    const [mutating, validating] = [this.#mutating.hooks, this.#validating.hooks];
    if (mutating.length + validating.length === 0 || isExempt(about)) return false;
    const concerns = (hook: Hook) => ruledDefinition(hook, this.#context.registry, about) !== undefined;
    return mutating.some(concerns) || validating.some(concerns);
  }

  /** The plugin MutatingAdmissionWebhook. */
  readonly mutate: AdmissionPlugin = (request) => {
    const { hooks } = this.#mutating;
    if (hooks.length === 0 || request.own || isExempt(request)) return undefined;
    return (async () => {
      const { mutate } = await import('./mutate.ts');
      await mutate(hooks, request, await this.#hookParts(this.#parts.identities.mutating));
    })();
  };

  /** The plugin ValidatingAdmissionWebhook. */
  readonly validate: AdmissionPlugin = (request) => {
    const { hooks } = this.#validating;
    if (hooks.length === 0 || request.own || isExempt(request)) return undefined;
    return (async () => {
      const { validate } = await import('./validate.ts');
      await validate(hooks, request, await this.#hookParts(this.#parts.identities.validating));
    })();
  };

  async #hookParts(identities: HookIdentities | undefined): Promise<HookParts> {
    return {
      context: this.#context,
      client: await this.#context.outbound.webhooks(),
      identities,
      authorizer: this.#parts.authorizer(),
      metrics: this.#parts.metrics?.(),
    };
  }
}
