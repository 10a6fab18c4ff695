import type { MutatingWebhook, ValidatingWebhook } from '@berth/kube';
import type { MatchConditions } from '../../../cel/admission/match-conditions.ts';

export type AnyWebhook = ValidatingWebhook & Pick<MutatingWebhook, 'reinvocationPolicy'>;

/** One webhook of a configuration, with what is worth reading once. */
export class Hook {
  /** Tells it from others of its name: `CONFIGURATION/NAME/N`. */
  readonly uid: string;
  readonly configuration: string;
  readonly webhook: AnyWebhook;
  #conditions: Promise<MatchConditions> | undefined;

  constructor(uid: string, configuration: string, webhook: AnyWebhook) {
    this.uid = uid;
    this.configuration = configuration;
    this.webhook = webhook;
  }

  /** Its match conditions, compiled at the first request that is about it. */
  conditions(): Promise<MatchConditions> {
    this.#conditions ??= this.#compiled();
    return this.#conditions;
  }

  async #compiled(): Promise<MatchConditions> {
    const { compileMatchConditions } = await import('../../../cel/admission/compile-match-conditions.ts');
    return compileMatchConditions(this.webhook.matchConditions ?? []);
  }
}

/** The webhooks of a configuration object. */
export function hooksOf(configuration: string, webhooks: readonly AnyWebhook[]): Hook[] {
  const seen = new Map<string, number>();
  return webhooks.map((webhook) => {
    const count = seen.get(webhook.name) ?? 0;
    seen.set(webhook.name, count + 1);
    return new Hook(`${configuration}/${webhook.name}/${count}`, configuration, webhook);
  });
}
