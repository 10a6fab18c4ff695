import { rfc3339 } from '@berth/kit';
import type { CustomResourceConversion, CustomResourceDefinition, CustomResourceDefinitionSpec } from '@berth/kube';
import { sortedJson } from '@berth/kube';
import { cleanupFinalizer } from '../../custom-resources/definition/cleanup-finalizer.ts';
import { withCondition } from '../../custom-resources/definition/conditions.ts';
import { versionsOf } from '../../custom-resources/definition/internal-spec.ts';
import { hasDefault, someSchema } from '../../custom-resources/schema/json-schema.ts';
import type { AnyObject } from '../../resource-definition.ts';
import type { KindRules } from '../rules.ts';

/** CustomResourceDefinitions; what is wrong with them is found by code that is loaded with the first. */
export const customResourceRules: KindRules = {
  generation: {
    initial: true,
    of: ({ spec }) => ({ spec, literals: literalsOf(spec as CustomResourceDefinitionSpec) }),
  },
  rules: {
    requiresRevision: true,
    default: (object) => {
      const { spec, status } = object as CustomResourceDefinition;
      spec.names.singular ||= spec.names.kind?.toLowerCase() ?? '';
      if (spec.names.kind) spec.names.listKind ||= `${spec.names.kind}List`;
      spec.conversion ??= { strategy: 'None' };
      defaultConversion(spec.conversion);
      if (status && !status.storedVersions?.length) status.storedVersions = storageVersions(spec);
    },
    prepareForUpdate: (next) => {
      const { spec, status } = next as CustomResourceDefinition;
      if (!status) return;
      const stored = status.storedVersions ?? [];
      status.storedVersions = [...stored, ...storageVersions(spec).filter((version) => !stored.includes(version))];
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

/** Values that schemas have as JSON are compared as that: an empty list is not the same as none. */
function literalsOf(spec: CustomResourceDefinitionSpec): string[] {
  const found: string[] = [];
  for (const { schema } of versionsOf(spec))
    someSchema(schema?.openAPIV3Schema, (each) => {
      if (hasDefault(each) || each.example !== undefined) found.push(sortedJson([each.default, each.example]));
      return false;
    });
  return found;
}

/** A webhook of which nothing is said is none: upstream's unversioned type has no place for it (apiextensions v1 conversion). */
function defaultConversion(conversion: CustomResourceConversion): void {
  const { clientConfig, conversionReviewVersions } = conversion.webhook ?? {};
  if (clientConfig?.service) clientConfig.service.port ??= 443;
  if (!clientConfig && !conversionReviewVersions?.length) delete conversion.webhook;
}

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
