import type { Logger } from '@berth/kit';
import type { AdmissionPlugin } from '../admission/admission.ts';
import { type Authorizer, authenticatedOnly } from '../authorizer.ts';
import type { ServerContext } from '../server-context.ts';
import { alwaysAllow, alwaysDeny, authorizerChain } from './authorizer-chain.ts';
import { preventEscalation } from './escalation.ts';
import type { AuthorizationMode } from './modes.ts';
import { RbacAuthorizer } from './rbac-authorizer.ts';
import { RbacPolicy } from './rbac-policy.ts';

/** Who may do what on this server, by the modes it was started with. */
export class Authorization {
  readonly authorizer: Authorizer;
  /** Roles, where they count. */
  readonly policy: RbacPolicy | undefined;
  /** Keeps those who write roles from giving what they have not. */
  readonly admit: AdmissionPlugin;
  readonly #context: ServerContext;

  /** Without modes whoever holds a client certificate may do everything. */
  constructor(context: ServerContext, modes: readonly AuthorizationMode[] = []) {
    this.#context = context;
    const policy = modes.includes('RBAC') ? new RbacPolicy(context) : undefined;
    const byMode = (mode: AuthorizationMode): Authorizer => {
      if (mode === 'RBAC' && policy) return new RbacAuthorizer(policy);
      return mode === 'AlwaysDeny' ? alwaysDeny : alwaysAllow;
    };
    this.policy = policy;
    this.authorizer = modes.length === 0 ? authenticatedOnly : authorizerChain(modes.map(byMode));
    this.admit = policy ? preventEscalation({ policy, authorizer: this.authorizer }) : () => undefined;
  }

  /** Resolves when the roles every cluster begins with are there, and known. */
  async start(signal: AbortSignal, log: Logger): Promise<void> {
    if (!this.policy) return;
    // Read at a start only.
    const { ensureDefaultRoles } = await import('./ensure-default-roles.ts');
    await ensureDefaultRoles(this.#context);
    await this.policy.start(signal, log);
  }
}
