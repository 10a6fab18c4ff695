import type { Logger } from '@berth/kit';
import type { AdmissionPlugin } from '../admission/admission.ts';
import { type Authorizer, authenticatedOnly } from '../authorizer.ts';
import type { ServerContext } from '../server-context.ts';
import {
  type AuthorizationOptions,
  defaultAuthorizedTtlMs,
  defaultTimeoutMs,
  defaultUnauthorizedTtlMs,
  type NamedAuthorizer,
  type WebhookSettings,
} from './authorization-options.ts';
import { alwaysAllow, alwaysDeny, authorizerChain } from './authorizer-chain.ts';
import { preventEscalation } from './escalation.ts';
import type { AuthorizationMode } from './modes.ts';
import { RbacAuthorizer } from './rbac-authorizer.ts';
import { RbacPolicy } from './rbac-policy.ts';
import type { WebhookObserver } from './webhook-authorizer.ts';

/** Hears of what authorizers do. */
export interface AuthorizationObserver extends WebhookObserver {
  decided(authorizer: NamedAuthorizer, allowed: boolean): void;
  /** The file of authorizers has changed, and counts, or does not. */
  reloaded(success: boolean): void;
}

interface Run {
  readonly signal: AbortSignal;
  readonly log: Logger;
  readonly observer: AuthorizationObserver;
}

const nobody: AuthorizationObserver = {
  decided: () => undefined,
  reloaded: () => undefined,
  asked: () => undefined,
  failedOpen: () => undefined,
  matched: () => undefined,
};

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
  readonly #made = new Map<AuthorizationMode, Authorizer>();

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
    /** `follows`: another server of the same store has made the roles. */
    {
      follows = false,
      observer = nobody,
    }: { readonly follows?: boolean; readonly observer?: AuthorizationObserver } = {},
  ): Promise<void> {
    const { configFile, modes } = this.#options;
    const run = { signal, log, observer };
    if (configFile === undefined)
      await this.#use(
        modes.map((mode) => this.#ofFlags(mode)),
        run,
      );
    else await this.#follow(configFile, run);
    if (!this.policy) return;
    // Read at a start only.
    if (!follows) await import('./ensure-default-roles.ts').then((roles) => roles.ensureDefaultRoles(this.#context));
    await this.policy.start(signal, log);
  }

  async #follow(path: string, run: Run): Promise<void> {
    const { followAuthorizers } = await import('./follow-authorizers.ts');
    const { clock } = this.#context;
    await followAuthorizers({ path, clock, ...run, use: (authorizers) => this.#use(authorizers, run) });
  }

  /** @throws RangeError – a file of one of them that is wrong; all stays as it was. */
  async #use(named: readonly NamedAuthorizer[], run: Run): Promise<void> {
    const authorizers: Authorizer[] = [];
    for (const each of named) authorizers.push(await this.#authorizerOf(each, run));
    this.#chain = authorizerChain(authorizers, (index, allowed) =>
      run.observer.decided(named[index] as NamedAuthorizer, allowed),
    );
  }

  #ofFlags(type: AuthorizationMode): NamedAuthorizer {
    const name = type.toLowerCase();
    if (type !== 'Webhook') return { type, name };
    const {
      webhookConfigFile: configFile,
      webhookVersion: version = 'v1beta1',
      webhookCacheAuthorizedTtlMs: authorizedTtlMs = defaultAuthorizedTtlMs,
      webhookCacheUnauthorizedTtlMs: unauthorizedTtlMs = defaultUnauthorizedTtlMs,
    } = this.#options;
    if (!configFile) throw new RangeError("authorization-mode Webhook's authorization config file not passed");
    const settings = { configFile, version, timeoutMs: defaultTimeoutMs, authorizedTtlMs, unauthorizedTtlMs };
    // As metrics name it (DefaultWebhookName).
    return { type, name: 'default', webhook: { ...settings, deniesOnError: false } };
  }

  /** But for webhooks they stay, whatever becomes of the file. */
  async #authorizerOf({ type, name, webhook }: NamedAuthorizer, run: Run): Promise<Authorizer> {
    if (webhook) return this.#webhook(name, webhook, run);
    const known = this.#made.get(type) ?? (await this.#make(type, run));
    this.#made.set(type, known);
    return known;
  }

  async #make(mode: AuthorizationMode, run: Run): Promise<Authorizer> {
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
      case 'AlwaysAllow':
        return alwaysAllow;
      default:
        return alwaysDeny;
    }
  }

  async #webhook(name: string, settings: WebhookSettings, { log, observer }: Run): Promise<Authorizer> {
    const { FileWebhook, fileWebhookTarget } = await import('../webhook/file-webhook.ts');
    const { WebhookAuthorizer } = await import('./webhook-authorizer.ts');
    const { clock, outbound } = this.#context;
    const { configFile, timeoutMs } = settings;
    const flag =
      this.#options.configFile === undefined ? '--authorization-webhook-config-file' : '--authorization-config';
    const target = await fileWebhookTarget(flag, configFile);
    const webhook = new FileWebhook(target, { caller: await outbound.caller(), clock, timeoutMs });
    return new WebhookAuthorizer({ ...settings, name, webhook, observer, clock, log });
  }
}
