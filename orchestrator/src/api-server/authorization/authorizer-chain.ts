import { aggregate } from '../aggregate.ts';
import { type Authorizer, allRules, noRules } from '../authorizer.ts';

/** Who may do everything, whatever the modes are (upstream's privileged group). */
const superuser = 'system:masters';

/** Hears which authorizer it was that decided. */
export type DecisionObserver = (index: number, allowed: boolean) => void;

/** Asks in order until one allows; members of system:masters are not asked about. Reasons of all who did not are kept. */
export function authorizerChain(authorizers: readonly Authorizer[], decided?: DecisionObserver): Authorizer {
  return {
    authorize: async (attributes) => {
      if (attributes.user.groups.includes(superuser)) return { allowed: true, reason: '' };
      const reasons: string[] = [];
      const errors: string[] = [];
      for (const [index, authorizer] of authorizers.entries()) {
        const decision = await authorizer.authorize(attributes);
        if (decision.allowed || decision.denied) {
          decided?.(index, decision.allowed);
          return decision;
        }
        if (decision.reason !== '') reasons.push(decision.reason);
        if (decision.error !== undefined) errors.push(decision.error);
      }
      const reason = reasons.join('\n');
      return errors.length === 0 ? { allowed: false, reason } : { allowed: false, reason, error: aggregate(errors) };
    },
    rulesFor: (user, namespace) => {
      const known = authorizers.map((authorizer) => authorizer.rulesFor(user, namespace));
      return {
        rules: known.flatMap(({ rules }) => rules),
        errors: known.flatMap(({ errors }) => errors),
        incomplete: known.some(({ incomplete }) => incomplete),
      };
    },
  };
}

export const alwaysAllow: Authorizer = {
  authorize: async () => ({ allowed: true, reason: '' }),
  rulesFor: () => allRules,
};

export const alwaysDeny: Authorizer = {
  authorize: async () => ({ allowed: false, reason: 'Everything is forbidden.' }),
  rulesFor: () => noRules,
};
