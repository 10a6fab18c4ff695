import { rfc3339 } from '@berth/kit';
import type { CustomResourceDefinition, CustomResourceDefinitionSpec } from '@berth/kube';
import { cleanupFinalizer } from '../../custom-resources/definition/cleanup-finalizer.ts';
import { withCondition } from '../../custom-resources/definition/conditions.ts';
import type { AnyObject } from '../../resource-definition.ts';
import type { KindRules } from '../rules.ts';

/** CustomResourceDefinitions; what is wrong with them is found by code that is loaded with the first. */
export const customResourceRules: KindRules = {
  generation: { initial: true, of: ({ spec }) => spec },
  rules: {
    requiresRevision: true,
    default: (object) => {
      const { spec, status } = object as CustomResourceDefinition;
      spec.names.singular ||= spec.names.kind?.toLowerCase() ?? '';
      if (spec.names.kind) spec.names.listKind ||= `${spec.names.kind}List`;
      spec.conversion ??= { strategy: 'None' };
      if (spec.conversion.webhook?.clientConfig?.service) spec.conversion.webhook.clientConfig.service.port ??= 443;
      if (status && !status.storedVersions?.length) status.storedVersions = storageVersions(spec);
    },
    prepareForUpdate: (next) => {
      const { spec, status } = next as CustomResourceDefinition;
      if (status) status.storedVersions = [...new Set([...(status.storedVersions ?? []), ...storageVersions(spec)])];
    },
    checkAlso: async (next, old, { endpoint, warn }) => {
      const [{ checkDefinition }] = await Promise.all([
        import('../../custom-resources/definition/check-definition.ts'),
        // What serves it is ready by the time it is stored: clients look for its conditions at once.
        import('../../custom-resources/serving/definition-controller.ts'),
      ]);
      return checkDefinition(next, old, { endpoint, warn });
    },
    markDeleted,
  },
};

function storageVersions({ versions }: CustomResourceDefinitionSpec): string[] {
  const storage = (versions ?? []).find((version) => version.storage);
  return storage ? [storage.name] : [];
}

/** Instances go first (apiextensions registry/customresourcedefinition Delete). */
function markDeleted(object: AnyObject, now: number): AnyObject {
  const { metadata } = object;
  const { status } = object as CustomResourceDefinition;
  const finalizers = [...new Set([...(metadata.finalizers ?? []), cleanupFinalizer])];
  const condition = {
    type: 'Terminating',
    status: 'True',
    reason: 'InstanceDeletionPending',
    message: 'CustomResourceDefinition marked for deletion; CustomResource deletion will begin soon',
  } as const;
  return {
    ...object,
    metadata: { ...metadata, finalizers, deletionTimestamp: rfc3339(now) },
    status: { ...status, conditions: withCondition(status?.conditions ?? [], condition, now) },
  };
}
