import type { ObjectSchema, ScopedResourceSelectorRequirement } from '@berth/kube';
import { configStruct } from '../../configuration/config-schema.ts';
import type { ConfigurationForm } from '../../configuration/read-configuration.ts';
import { required } from '../../resources/field.ts';
import { readPluginConfiguration, refuseFields } from '../plugin-configuration.ts';

/** What may be had only where a quota is about it (ResourceQuotaConfiguration, LimitedResource). */
export interface LimitedResource {
  readonly apiGroup?: string;
  readonly resource: string;
  /** Parts of names of what is counted. */
  readonly matchContains?: readonly string[];
  readonly matchScopes?: readonly ScopedResourceSelectorRequirement[];
}

const plugin = 'ResourceQuota';

const quotaForm: ConfigurationForm = {
  kind: 'ResourceQuotaConfiguration',
  versions: ['v1'],
  formerly: ['v1beta1', 'v1alpha1'].map((version) => ({
    apiVersion: `resourcequota.admission.k8s.io/${version}`,
    kind: 'Configuration',
  })),
  schema: quotaSchema,
};

function quotaSchema(version: string): ObjectSchema {
  const struct = configStruct(version);
  const scope = configStruct('v1')('ScopedResourceSelectorRequirement', {
    scopeName: 'string',
    operator: 'string',
    values: ['string'],
  });
  const limited = struct('LimitedResource', {
    apiGroup: 'string',
    resource: 'string',
    matchContains: ['string'],
    matchScopes: [scope],
  });
  return struct('Configuration', { apiVersion: 'string', kind: 'string', limitedResources: [limited] });
}

/** Undefined: the plugin is told nothing. @throws RangeError – a file that cannot be used, in upstream's words */
export function limitedResourcesOf(text: string | undefined): readonly LimitedResource[] {
  if (text === undefined) return [];
  const { limitedResources = [] } = readPluginConfiguration(plugin, text, quotaForm) as {
    limitedResources?: readonly LimitedResource[];
  };
  refuseFields(
    plugin,
    limitedResources.flatMap(({ resource }, i) => (resource ? [] : [required(`limitedResources[${i}].resource`)])),
  );
  return limitedResources;
}
