import type { Logger } from '@berth/kit';
import type { AdmissionPlugin } from '../admission/admission.ts';
import { type Authorizer, authenticatedOnly } from '../authorizer.ts';
import type { ServerContext } from '../server-context.ts';
import {
  type AuthorizationOptions,
  defaultAuthorizedTtlMs,
  defaultUnauthorizedTtlMs,
} from './authorization-options.ts';
import { alwaysAllow, alwaysDeny, authorizerChain } from './authorizer-chain.ts';
import { preventEscalation } from './escalation.ts';
import type { AuthorizationMode } from './modes.ts';
import { RbacAuthorizer } from './rbac-authorizer.ts';
import { RbacPolicy } from './rbac-policy.ts';

interface Run {
  readonly signal: AbortSignal;
  readonly log: Logger;
}

/** Who may do what on this server, by the modes it was started with. */
export class Authorization {
  readonly authorizer: Authorizer;
  /** Roles, where they count. */
  readonly policy: RbacPolicy | undefined;
  /** Keeps those who write roles from giving what they have not. */
  readonly admit: AdmissionPlugin;
  readonly #context: ServerContext;
  readonly #options: AuthorizationOptions;
  /** Until it is started only the server's own components may do anything. */
  #chain: Authorizer = authorizerChain([]);

  constructor(context: ServerContext, options: AuthorizationOptions = { modes: [] }) {
    this.#context = context;
    this.#options = options;
    const policy = options.modes.includes('RBAC') ? new RbacPolicy(context) : undefined;
    this.policy = policy;
    this.authorizer =
      options.modes.length === 0
        ? authenticatedOnly
        : {
            authorize: (attributes) => this.#chain.authorize(attributes),
            rulesFor: (user, namespace) => this.#chain.rulesFor(user, namespace),
          };
    this.admit = policy ? preventEscalation({ policy, authorizer: this.authorizer }) : () => undefined;
  }

  /** Resolves when the roles every cluster begins with are there, and known. @throws RangeError – a file of a mode that is wrong. */
  async start(
    signal: AbortSignal,
    log: Logger,
    /** Another server of the same store has made the roles. */
    {
      follows = false,
      decided,
    }: { readonly follows?: boolean; readonly decided?: (mode: AuthorizationMode, allowed: boolean) => void } = {},
  ): Promise<void> {
    const authorizers: Authorizer[] = [];
    for (const mode of this.#options.modes) authorizers.push(await this.#authorizerOf(mode, { signal, log }));
    const { modes } = this.#options;
    this.#chain = authorizerChain(authorizers, (index, allowed) =>
      decided?.(modes[index] as AuthorizationMode, allowed),
    );
    if (!this.policy) return;
    // Read at a start only.
    if (!follows) await import('./ensure-default-roles.ts').then((roles) => roles.ensureDefaultRoles(this.#context));
    await this.policy.start(signal, log);
  }

  async #authorizerOf(mode: AuthorizationMode, run: Run): Promise<Authorizer> {
    switch (mode) {
      case 'RBAC':
        return this.policy ? new RbacAuthorizer(this.policy) : alwaysDeny;
      case 'Node': {
        const { NodeAuthorizer } = await import('./node/node-authorizer.ts');
        return new NodeAuthorizer(this.#context, run.signal);
      }
      case 'ABAC': {
        const { policyFile } = this.#options;
        if (!policyFile) throw new RangeError("authorization-mode ABAC's authorization policy file not passed");
        const { abacAuthorizer } = await import('./abac-authorizer.ts');
        return abacAuthorizer(policyFile);
      }
      case 'Webhook':
        return this.#webhook(run);
      case 'AlwaysAllow':
        return alwaysAllow;
      case 'AlwaysDeny':
        return alwaysDeny;
    }
  }

  async #webhook({ log }: Run): Promise<Authorizer> {
    const { webhookConfigFile, webhookVersion = 'v1beta1' } = this.#options;
    if (!webhookConfigFile) throw new RangeError("authorization-mode Webhook's authorization config file not passed");
    const { FileWebhook, fileWebhookTarget } = await import('../webhook/file-webhook.ts');
    const { WebhookAuthorizer } = await import('./webhook-authorizer.ts');
    const { clock, outbound } = this.#context;
    const target = await fileWebhookTarget('--authorization-webhook-config-file', webhookConfigFile);
    return new WebhookAuthorizer({
      webhook: new FileWebhook(target, { caller: await outbound.caller(), clock }),
      version: webhookVersion,
      authorizedTtlMs: this.#options.webhookCacheAuthorizedTtlMs ?? defaultAuthorizedTtlMs,
      unauthorizedTtlMs: this.#options.webhookCacheUnauthorizedTtlMs ?? defaultUnauthorizedTtlMs,
      clock,
      log,
    });
  }
}
