import type { KindRules } from './rules.ts';

/** Hand-written rules by `group/plural`. */
export const kindRules: Readonly<Record<string, KindRules>> = {
  '/componentstatuses': { stored: false },
};
