import type { AnyObject } from '../../resource-definition.ts';
import type { KindRules } from '../rules.ts';

interface Condition {
  readonly type: string;
  readonly status: string;
  readonly message?: string;
  readonly error?: string;
}

function healthy(object: AnyObject): Condition | undefined {
  const { conditions } = object as { readonly conditions?: readonly Condition[] };
  return conditions?.find(({ type }) => type === 'Healthy');
}

/** What is told of components is made when it is asked for; rows as printComponentStatus has them. */
export const componentStatusRules: KindRules = {
  stored: false,
  cells: {
    Status: (object) => {
      const condition = healthy(object);
      if (!condition) return 'Unknown';
      return condition.status === 'True' ? 'Healthy' : 'Unhealthy';
    },
    Message: (object) => healthy(object)?.message ?? '',
    Error: (object) => healthy(object)?.error ?? '',
  },
};
