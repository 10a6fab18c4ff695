import { rfc3339 } from '@berth/kit';
import type { DeviceTaint, ResourceV1ResourceClaim as ResourceClaim } from '@berth/kube';
import { nextGeneration } from '../../next-generation.ts';
import type { AnyObject, RequestContext, ResourceDefinition, Rules } from '../../resource-definition.ts';
import { semanticEqual } from '../equality.ts';
import type { KindRules } from '../rules.ts';
import { withoutNulls } from '../wire-form.ts';
import { beta1Claims, beta1Slices, beta1Templates } from './conversion-v1beta1.ts';
import { defaultClaim, defaultTemplate, dropDeallocatedDevices, dropDisabledFields, stampTaints } from './defaults.ts';
import type { deviceChecks } from './device-checks.ts';

type StoredAs = NonNullable<ResourceDefinition['storedAs']>;

/** Checks of v1's form, loaded with the first object they are about. */
function checked(kind: keyof typeof deviceChecks, toStored = (object: AnyObject) => object): Pick<Rules, 'checkAlso'> {
  return {
    checkAlso: async (next, old, about) => {
      const { deviceChecks } = await import('./device-checks.ts');
      const plain = (object: AnyObject) => toStored(withoutNulls(object));
      return deviceChecks[kind](plain(next), old && plain(old), about);
    },
  };
}

/** In v1beta1 the same rules are about what is stored. */
function beta1(kind: keyof typeof deviceChecks, storedAs: StoredAs): NonNullable<KindRules['versions']> {
  return { v1beta1: { storedAs, rules: checked(kind, storedAs.toStored) } };
}

const slicePreparations: Pick<Rules, 'prepareForCreate' | 'prepareForUpdate'> = {
  prepareForCreate: (object, { now }) => {
    dropDisabledFields(object);
    stampTaints(object, rfc3339(now));
  },
  prepareForUpdate: (next, old, { now }) => {
    // What is dropped counts as a change.
    if (!semanticEqual(next['spec'], old['spec'])) next.metadata.generation = nextGeneration(old.metadata.generation);
    dropDisabledFields(next);
    stampTaints(next, rfc3339(now));
  },
};

/** Dynamic resource allocation: stored, checked and shown; no driver acts on it yet. */
export const deviceRules: Readonly<Record<string, KindRules>> = {
  'resource.k8s.io/deviceclasses': {
    generation: { initial: true, of: ({ spec }) => spec },
    rules: { ...checked('DeviceClass'), nameRule: 'deviceClassName' },
  },
  'resource.k8s.io/devicetaintrules': {
    generation: { initial: true, of: ({ spec }) => spec },
    rules: {
      prepareForCreate: ({ spec }, context) => stampRule(spec?.taint, undefined, context),
      prepareForUpdate: (next, old, context) => stampRule(next['spec']?.taint, old['spec']?.taint, context),
      ...checked('DeviceTaintRule'),
    },
  },
  'resource.k8s.io/resourceclaims': {
    statusKeepsMetadata: true,
    cells: { State: (object) => claimState(object as ResourceClaim) },
    rules: { default: defaultClaim, prepareForStatusUpdate: dropDeallocatedDevices, ...checked('ResourceClaim') },
    versions: beta1('ResourceClaim', beta1Claims),
  },
  'resource.k8s.io/resourceclaimtemplates': {
    rules: { default: defaultTemplate, ...checked('ResourceClaimTemplate') },
    versions: beta1('ResourceClaimTemplate', beta1Templates),
  },
  'resource.k8s.io/resourceslices': {
    generation: { initial: true, of: ({ spec }) => spec },
    cells: {
      Node: ({ spec }) => spec?.nodeName ?? '',
      Driver: ({ spec }) => spec?.driver ?? '',
      Pool: ({ spec }) => spec?.pool?.name ?? '',
    },
    rules: {
      ...slicePreparations,
      ...checked('ResourceSlice'),
      selectableFields: {
        'spec.nodeName': ({ spec }) => spec?.nodeName ?? '',
        'spec.driver': ({ spec }) => spec?.driver ?? '',
      },
    },
    versions: beta1('ResourceSlice', beta1Slices),
  },
};

/** A taint's time is that of its effect. */
function stampRule(taint: DeviceTaint | undefined, before: DeviceTaint | undefined, { now }: RequestContext): void {
  if (!taint) return;
  const changed = before !== undefined && before.effect !== taint.effect && before.timeAdded === taint.timeAdded;
  if (changed || taint.timeAdded === undefined) taint.timeAdded = rfc3339(now);
}

function claimState({ metadata, status }: ResourceClaim): string {
  const deleted = metadata.deletionTimestamp !== undefined;
  const states = status?.allocation
    ? ['allocated', ...(status.reservedFor?.length ? ['reserved'] : [])]
    : deleted
      ? []
      : ['pending'];
  return [...(deleted ? ['deleted'] : []), ...states].join(',');
}
