import type {
  PodTemplateSpec,
  RollingUpdateStatefulSetStrategy as RollingUpdate,
  StatefulSet,
  StatefulSetSpec,
  StatefulSetStatus,
  Volume,
} from '@berth/kube';
import type { AnyObject, FieldError } from '../../resource-definition.ts';
import { defaultClaimSpec } from '../core/claim-defaults.ts';
import { validateClaimSpec } from '../core/claim-spec.ts';
import { defaultPodTemplate } from '../core/pod/defaults.ts';
import { semanticEqual } from '../equality.ts';
import { forbidden, invalid, notSupported, required } from '../field.ts';
import { validateLabelSelector, validateLabels } from '../label-selector.ts';
import { nonNegative, validateAnnotations } from '../metadata.ts';
import { dns1123Label } from '../names.ts';
import type { KindRules } from '../rules.ts';
import { validateIntOrPercent } from './int-or-percent.ts';
import { decremented, nonNegativeCounts, notMoreThan } from './status-counts.ts';
import { isReadable, selectedTemplate, templateLimits } from './template.ts';
import { templateCells } from './workload-cells.ts';

/** StatefulSets: kubernetes registry/apps/statefulset/strategy.go, apis/apps/validation. */
export const statefulSetRules: KindRules = {
  generation: { initial: true, of: ({ spec }) => spec },
  cells: {
    ...templateCells,
    Ready: ({ spec, status }) => `${status?.readyReplicas ?? 0}/${spec?.replicas ?? 0}`,
  },
  rules: {
    nameRule: 'dnsLabel',
    default: (object) => defaultStatefulSet(object as StatefulSet),
    // Names and claim templates stored by older versions are tolerated on update, as they can't be changed.
    validate: (object, old) => validateSpec((object as StatefulSet).spec as StatefulSetSpec, old !== undefined),
    validateUpdate,
    validateStatusUpdate,
  },
};

function defaultStatefulSet(set: StatefulSet): void {
  const spec = set.spec;
  if (!spec) return;
  spec.podManagementPolicy ??= 'OrderedReady';
  spec.updateStrategy ??= {};
  const strategy = spec.updateStrategy;
  if (strategy.type === undefined) {
    strategy.type = 'RollingUpdate';
    strategy.rollingUpdate ??= {};
  }
  if (strategy.type === 'RollingUpdate' && strategy.rollingUpdate) strategy.rollingUpdate.partition ??= 0;
  spec.persistentVolumeClaimRetentionPolicy ??= {};
  const policy = spec.persistentVolumeClaimRetentionPolicy;
  policy.whenDeleted ??= 'Retain';
  policy.whenScaled ??= 'Retain';
  spec.replicas ??= 1;
  spec.revisionHistoryLimit ??= 10;
  defaultPodTemplate(spec.template);
  for (const claim of spec.volumeClaimTemplates ?? []) {
    // Whatever is said: the unversioned form has neither.
    claim.apiVersion = 'v1';
    claim.kind = 'PersistentVolumeClaim';
    claim.status ??= {};
    claim.status.phase ??= 'Pending';
    if (claim.spec) defaultClaimSpec(claim.spec);
  }
}

const policies = ['OrderedReady', 'Parallel'];

function validateSpec(spec: StatefulSetSpec, stored: boolean): FieldError[] {
  const { podManagementPolicy: policy, selector, template, serviceName } = spec;
  const field = 'spec';
  return [
    ...(policies.includes(policy ?? '')
      ? []
      : [invalid('spec.podManagementPolicy', policy, "must be 'OrderedReady' or 'Parallel'")]),
    ...strategyErrors(spec, 'spec.updateStrategy'),
    ...retentionErrors(spec, 'spec.persistentVolumeClaimRetentionPolicy'),
    ...(stored ? [] : (spec.volumeClaimTemplates ?? [])).flatMap((claim, index) =>
      validateClaimSpec(claim.spec ?? {}, `spec.volumeClaimTemplates[${index}].spec`),
    ),
    ...nonNegative(spec.replicas ?? 0, 'spec.replicas'),
    ...nonNegative(spec.minReadySeconds ?? 0, 'spec.minReadySeconds'),
    ...nonNegative(spec.ordinals?.start ?? 0, 'spec.ordinals.start'),
    ...(stored || !serviceName
      ? []
      : dns1123Label(serviceName).map((text) => invalid('spec.serviceName', serviceName, text))),
    ...(selector ? validateLabelSelector(selector, 'spec.selector') : [required('spec.selector')]),
    ...(selector && Object.keys(selector).length === 0
      ? [invalid('spec.selector', selector, 'empty selector is invalid for statefulset')]
      : []),
    ...selectedTemplate(withClaimVolumes(spec), selector, `${field}.template`, ''),
    ...(isReadable(selector) ? templateMetadataAgain(template, `${field}.template`) : []),
    ...templateLimits(template, 'StatefulSet', `${field}.template`),
  ];
}

/** Upstream looks at these twice. */
function templateMetadataAgain({ metadata }: PodTemplateSpec, field: string): FieldError[] {
  return [
    ...validateLabels(metadata?.labels, `${field}.labels`),
    ...validateAnnotations(metadata?.annotations, `${field}.annotations`),
  ];
}

/** Volumes that claim templates will bring stand in for validation, as do names the controller sets itself. */
function withClaimVolumes({ template, volumeClaimTemplates = [] }: StatefulSetSpec): PodTemplateSpec {
  const { subdomain: _, hostname: __, ...spec } = template.spec ?? { containers: [] };
  const names = new Set(volumeClaimTemplates.map(({ metadata }) => metadata.name ?? ''));
  const claims: Volume[] = [...names].map((name) => ({ name, persistentVolumeClaim: { claimName: name } }));
  const others = (spec.volumes ?? []).filter(({ name }) => !names.has(name));
  return { ...template, spec: { ...spec, volumes: [...claims, ...others] } };
}

function strategyErrors({ updateStrategy: strategy }: StatefulSetSpec, field: string): FieldError[] {
  const rolling = strategy?.rollingUpdate;
  if (!strategy?.type) return [required(field)];
  if (strategy.type === 'OnDelete')
    return rolling
      ? [invalid(`${field}.rollingUpdate`, shownRolling(rolling), "only allowed for updateStrategy 'RollingUpdate'")]
      : [];
  if (strategy.type !== 'RollingUpdate') {
    const shown = { Type: strategy.type, RollingUpdate: rolling ? shownRolling(rolling) : null };
    return [invalid(field, shown, "must be 'RollingUpdate' or 'OnDelete'")];
  }
  if (!rolling) return [];
  const { maxUnavailable } = rolling;
  const path = `${field}.rollingUpdate.maxUnavailable`;
  return [
    ...nonNegative(rolling.partition ?? 0, `${field}.rollingUpdate.partition`),
    ...(maxUnavailable === undefined ? [] : validateIntOrPercent(maxUnavailable, path)),
    ...(maxUnavailable !== undefined && Number.parseInt(String(maxUnavailable), 10) === 0
      ? [invalid(path, maxUnavailable, 'cannot be 0')]
      : []),
  ];
}

/** Of the unversioned form. */
function shownRolling({ partition = 0, maxUnavailable }: RollingUpdate): object {
  return { Partition: partition, MaxUnavailable: maxUnavailable ?? null };
}

function retentionErrors(
  { persistentVolumeClaimRetentionPolicy: policy }: StatefulSetSpec,
  field: string,
): FieldError[] {
  return (['whenDeleted', 'whenScaled'] as const).flatMap((name) => {
    const value = policy?.[name] ?? '';
    return ['Retain', 'Delete'].includes(value) ? [] : [notSupported(`${field}.${name}`, value, ['Retain', 'Delete'])];
  });
}

const mutable = [
  'replicas',
  'template',
  'updateStrategy',
  'minReadySeconds',
  'ordinals',
  'revisionHistoryLimit',
  'persistentVolumeClaimRetentionPolicy',
];

function validateUpdate(next: AnyObject, old: AnyObject): FieldError[] {
  const fixed = (object: AnyObject) =>
    Object.fromEntries(Object.entries(object['spec'] ?? {}).filter(([name]) => !mutable.includes(name)));
  if (semanticEqual(fixed(next), fixed(old))) return [];
  const text =
    "updates to statefulset spec for fields other than 'replicas', 'ordinals', 'template', 'updateStrategy', 'revisionHistoryLimit', 'persistentVolumeClaimRetentionPolicy' and 'minReadySeconds' are forbidden";
  return [forbidden('spec', text)];
}

const counts = ['replicas', 'readyReplicas', 'currentReplicas', 'updatedReplicas', 'availableReplicas'] as const;

function validateStatusUpdate(next: AnyObject, old: AnyObject): FieldError[] {
  const status = (next['status'] ?? {}) as StatefulSetStatus;
  return [
    ...nonNegativeCounts(status, [...counts, 'observedGeneration', 'collisionCount']),
    ...notMoreThan(status, counts.slice(1), 'replicas'),
    ...notMoreThan(status, ['availableReplicas'], 'readyReplicas', 'cannot be greater than status.readyReplicas'),
    ...decremented(status.collisionCount, old['status']?.collisionCount),
  ];
}
