import type {
  DeviceClass,
  DeviceTaintRule,
  ResourceV1ResourceClaim as ResourceClaim,
  ResourceClaimTemplate,
  ResourceSlice,
} from '@berth/kube';
import type { AnyObject, CheckAbout, FieldError } from '../../resource-definition.ts';
import { isExtendedResource } from '../core/pod/resource-requirements.ts';
import { semanticEqual } from '../equality.ts';
import { invalid } from '../field.ts';
import { shownForm, shownMetadata, templateMetadataErrors } from '../internal-form.ts';
import { validateLabels } from '../label-selector.ts';
import { immutable, validateAnnotations } from '../metadata.ts';
import { boundedList } from './bounded.ts';
import { validateClaimStatus } from './claim-status.ts';
import { mostConfigurations, validateClaimSpec, validateConfiguration, validateSelectors } from './device-claim.ts';
import { expressionCheck, selectorsOf } from './device-selectors.ts';
import { validateSlice } from './slice.ts';
import { validateTaintRule, validateTaintRuleStatus } from './taints.ts';

/** What is wrong with an object of resource.k8s.io in v1's form; `old`: what it replaces. */
export type DeviceCheck = (
  next: AnyObject,
  old: AnyObject | undefined,
  about: Pick<CheckAbout, 'endpoint'>,
) => Promise<readonly FieldError[]>;

/** By kind (apis/resource/validation). A spec that cannot change is checked once. */
export const deviceChecks = {
  ResourceClaim: async (next, old, { endpoint }) => {
    const claim = next as ResourceClaim;
    if (old && endpoint === 'status') return validateClaimStatus(claim, old as ResourceClaim);
    if (old) return fixedSpec(next['spec'], old['spec'], shownClaim);
    return validateClaimSpec(claim.spec ?? {}, 'spec', await expressionCheck(selectorsOf(claim.spec?.devices)));
  },
  ResourceClaimTemplate: async (next, old) => {
    const { spec } = next as ResourceClaimTemplate;
    const expressions = await expressionCheck(selectorsOf(spec?.spec?.devices));
    return [
      ...validateAnnotations(spec?.metadata?.annotations, 'spec.metadata.annotations'),
      ...validateLabels(spec?.metadata?.labels, 'spec.metadata.labels'),
      ...templateMetadataErrors(spec?.metadata ?? {}, 'spec.metadata'),
      ...validateClaimSpec(spec?.spec ?? {}, 'spec.spec', expressions),
      ...(old ? fixedSpec(next['spec'], old['spec'], shownClaimTemplate) : []),
    ];
  },
  ResourceSlice: async (next, old) => validateSlice(next as ResourceSlice, old as ResourceSlice | undefined),
  DeviceClass: (next, old) => classErrors(next as DeviceClass, old as DeviceClass | undefined),
  DeviceTaintRule: async (next, old, { endpoint }) =>
    endpoint === 'status'
      ? validateTaintRuleStatus(next as DeviceTaintRule)
      : validateTaintRule(next as DeviceTaintRule, old as DeviceTaintRule | undefined),
} as const satisfies Readonly<Record<string, DeviceCheck>>;

function fixedSpec(next: object | undefined, old: object | undefined, shown: (spec: object) => object): FieldError[] {
  return semanticEqual(next, old) ? [] : immutable(shown(next ?? {}), undefined, 'spec');
}

function shownClaim(spec: object): object {
  return shownForm('ResourceClaimSpec', spec);
}

function shownClaimTemplate({ metadata, spec = {} }: { metadata?: object; spec?: object }): object {
  return { ...shownMetadata(metadata), Spec: shownClaim(spec) };
}

async function classErrors({ spec }: DeviceClass, old: DeviceClass | undefined): Promise<readonly FieldError[]> {
  const { selectors, config, extendedResourceName: name } = spec ?? {};
  const stored = old !== undefined && semanticEqual(config, old.spec?.config);
  return [
    ...validateSelectors(selectors, 'spec.selectors', await expressionCheck(selectors)),
    ...boundedList(config, mostConfigurations, 'spec.config', ({ opaque }, at) =>
      validateConfiguration(opaque, at, stored),
    ),
    ...(name === undefined || isExtendedResource(name)
      ? []
      : [invalid('spec.extendedResourceName', name, 'must be a valid extended resource name')]),
  ];
}
