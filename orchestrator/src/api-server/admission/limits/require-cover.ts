import { apiError, type ResourceQuota, type ScopedResourceSelectorRequirement } from '@berth/kube';
import type { Amounts } from '../../../quota/amounts.ts';
import { isInScope, isOfScope, scopesOf } from '../../../quota/scopes.ts';
import { forbidden } from '../../resource-errors.ts';
import type { AdmissionRequest } from '../admission.ts';
import type { LimitedResource } from './quota-configuration.ts';

/**
 * What is limited by the server's configuration is had only where a quota of the namespace is about it (resourcequota
 * CheckRequest).
 * @throws ApiError – Forbidden, or of no reason, as upstream's
 */
export function requireCover(
  { definition, name, object }: AdmissionRequest,
  { limited, usage }: { readonly limited: readonly LimitedResource[]; readonly usage: Amounts },
  quotas: readonly ResourceQuota[],
): void {
  const { group, plural } = definition;
  const parts = limited
    .filter(({ apiGroup = '', resource }) => apiGroup === group && resource === plural)
    .flatMap(({ matchContains = [] }) => matchContains);
  const names = [...usage].flatMap(([each, quantity]) =>
    quantity.sign > 0 && parts.some((part) => each.includes(part)) ? [each] : [],
  );
  const covering = quotas.filter(({ spec = {} }) => isInScope(spec, plural, object));
  const covered = new Set(covering.flatMap(({ status }) => Object.keys(status?.hard ?? {})));
  const bare = names.filter((each) => !covered.has(each));
  if (bare.length > 0) throw forbidden(definition, name, `insufficient quota to consume: ${bare.sort().join(',')}`);
  const isOf = (scope: ScopedResourceSelectorRequirement) => isOfScope(scope, plural, object);
  // Of whatever resource they are told, as upstream has it.
  const scopes = limited.flatMap(({ matchScopes = [] }) => matchScopes).filter(isOf);
  const known = new Set(
    quotas.flatMap(({ spec = {} }) => scopesOf(spec).filter(isOf)).map(({ scopeName }) => scopeName),
  );
  const open = scopes.filter(({ scopeName }) => !known.has(scopeName));
  if (open.length > 0)
    throw apiError('Unknown', `insufficient quota to match these scopes: [${open.map(shown).join(' ')}]`);
}

/** As Go prints the struct. */
function shown({ scopeName, operator, values = [] }: ScopedResourceSelectorRequirement): string {
  return `{${scopeName} ${operator ?? ''} [${values.join(' ')}]}`;
}
