import { expect, test } from 'vitest';
import { resourceQuotaRules } from './resource-quota.ts';

/** validateScopedResourceSelectorRequirement */
test('a scope that a pod has or has not is selected by Exists alone', async () => {
  const wrong = async (scopeName: string, operator: string, values?: readonly string[]) => {
    const requirement = { scopeName, operator, ...(values ? { values } : {}) };
    const spec = { hard: { pods: '1' }, scopeSelector: { matchExpressions: [requirement] } };
    const errors = (await resourceQuotaRules.rules?.validate?.({ metadata: {}, spec } as never, {} as never)) ?? [];
    return errors.map(({ field, message }) => `${field}: ${message}`);
  };
  const at = 'spec.scopeSelector.matchExpressions.operator';
  const only =
    "must be 'Exists' when scope is any of ResourceQuotaScopeTerminating, ResourceQuotaScopeNotTerminating, ResourceQuotaScopeBestEffort, ResourceQuotaScopeNotBestEffort or ResourceQuotaScopeCrossNamespacePodAffinity";
  expect(await wrong('Terminating', 'In', ['a'])).toEqual([`${at}: Invalid value: "In": ${only}`]);
  expect(await wrong('BestEffort', 'DoesNotExist')).toEqual([`${at}: Invalid value: "DoesNotExist": ${only}`]);
  expect(await wrong('Terminating', 'Exists')).toEqual([]);
  expect(await wrong('PriorityClass', 'In', ['high'])).toEqual([]);
});
