import { rfc3339 } from '@berth/kit';
import { copyJson, type Pod, type PodSpec, type PodStatus } from '@berth/kube';
import { nextGeneration } from '../../../next-generation.ts';
import type { AnyObject, FieldError, RequestContext, Rules } from '../../../resource-definition.ts';
import { semanticEqual } from '../../equality.ts';
import { forbidden } from '../../field.ts';
import { specDiff } from '../../internal-form.ts';
import type { KindRules } from '../../rules.ts';
import { changedAnnotationErrors, podAnnotationErrors } from './annotations.ts';
import { fieldsOfAppArmor } from './app-armor.ts';
import { podCells } from './cells.ts';
import { dropVolumeStatuses } from './container-status.ts';
import { defaultPod } from './defaults.ts';
import { imageBlanks } from './image-blanks.ts';
import { mergeLabelKeys } from './merge-label-keys.ts';
import { profileMatchErrors } from './profile-matches.ts';
import { qosClass } from './qos.ts';
import { validatePodSpec } from './spec.ts';
import { validateStatusUpdate } from './status-update.ts';
import { validatePodUpdate } from './update.ts';

/** Pods: kubernetes registry/core/pod/strategy.go. */
export const podRules: KindRules = {
  generation: { initial: true, of: ({ spec }) => spec },
  keepsStatusOnCreate: true,
  cells: podCells,
  rules: {
    default: (object) => {
      const { spec } = object as Pod;
      // Upstream's conversion says so.
      if (spec && (spec.terminationGracePeriodSeconds ?? 0) < 0) spec.terminationGracePeriodSeconds = 1;
      defaultPod(object as Pod);
    },
    prepareForCreate,
    prepareForStatusUpdate,
    validate,
    validateUpdate: (next, old) => [
      ...changedAnnotationErrors(next as Pod, old as Pod),
      ...validatePodUpdate(next as Pod, old as Pod),
    ],
    validateStatusUpdate: (next, old) => validateStatusUpdate(next as Pod, old as Pod),
    selectableFields: {
      'spec.nodeName': ({ spec }) => spec?.nodeName ?? '',
      'spec.restartPolicy': ({ spec }) => spec?.restartPolicy ?? '',
      'spec.schedulerName': ({ spec }) => spec?.schedulerName ?? '',
      'spec.serviceAccountName': ({ spec }) => spec?.serviceAccountName ?? '',
      'spec.hostNetwork': ({ spec }) => String(spec?.hostNetwork === true),
      'status.phase': ({ status }) => status?.phase ?? '',
      'status.podIP': ({ status }) => status?.podIPs?.[0]?.ip ?? status?.podIP ?? '',
      'status.nominatedNodeName': ({ status }) => status?.nominatedNodeName ?? '',
      // Upstream's conversion knows it, and its registry gives it no value.
      'status.podIPs': () => '',
      // What clients of old call the node (AddFieldLabelConversionsForPod).
      'spec.host': ({ spec }) => spec?.nodeName ?? '',
    },
    defaultGracePeriodSeconds: gracePeriod,
    subresources: {
      ephemeralcontainers: { prepareForUpdate: keepAllBut('ephemeralContainers'), validateUpdate: onlyAdded },
    },
  },
};

function prepareForCreate(object: AnyObject, { now, warn = () => undefined }: RequestContext): void {
  const pod = object as Pod;
  fieldsOfAppArmor(pod, warn);
  if (pod.spec) mergeLabelKeys(pod.spec, pod.metadata.labels);
  // Of what was sent the class alone is kept (qos.GetPodQOS).
  const given = pod.status?.qosClass;
  pod.status = { phase: 'Pending', qosClass: given || qosClass(pod.spec ?? { containers: [] }) };
  if (pod.spec?.schedulingGates?.length)
    pod.status.conditions = [
      {
        type: 'PodScheduled',
        status: 'False',
        lastTransitionTime: rfc3339(now),
        reason: 'SchedulingGated',
        message: 'Scheduling is blocked due to non-empty scheduling gates',
      },
    ];
}

function validate(object: AnyObject, old?: AnyObject): FieldError[] {
  const pod = object as Pod;
  const spec = pod.spec ?? { containers: [] };
  return [
    ...podAnnotationErrors(pod.metadata.annotations, spec, 'metadata.annotations'),
    ...validatePodSpec(spec, 'spec', {
      podName: pod.metadata.name ?? '',
      isPod: true,
      old: (old as Pod | undefined)?.spec,
    }),
    ...tokenErrors(spec),
    ...imageErrors(spec),
    ...(old ? [] : [...creationErrors(spec), ...profileMatchErrors(pod.metadata.annotations, spec, 'spec')]),
  ];
}

/** A pod without service account has no token to project. */
function tokenErrors({ serviceAccountName, volumes = [] }: PodSpec): FieldError[] {
  if (serviceAccountName) return [];
  return volumes.flatMap(({ projected }, volume) =>
    (projected?.sources ?? []).flatMap((source, index) =>
      source.serviceAccountToken
        ? [
            forbidden(
              `spec.volumes[${volume}].projected.sources[${index}].serviceAccountToken`,
              'must not be specified when serviceAccountName is not set',
            ),
          ]
        : [],
    ),
  );
}

function imageErrors(spec: PodSpec): FieldError[] {
  return (['containers', 'initContainers'] as const).flatMap((list) =>
    (spec[list] ?? []).flatMap(({ image = '' }, index) => imageBlanks(image, `spec.${list}[${index}].image`)),
  );
}

/** What only the endpoints for it may set (ValidatePodCreate). */
function creationErrors(spec: PodSpec): FieldError[] {
  return [
    ...(spec.ephemeralContainers?.length ? [forbidden('spec.ephemeralContainers', 'cannot be set on create')] : []),
    ...(spec.nodeName && spec.schedulingGates?.length
      ? [forbidden('spec.nodeName', 'cannot be set until all schedulingGates have been cleared')]
      : []),
  ];
}

/** Status writes keep spec, owners and the QoS class; generations observed earlier stay where the writer sends none. */
function prepareForStatusUpdate(next: AnyObject, old: AnyObject, _: RequestContext): void {
  next['spec'] = copyJson(old['spec']);
  if (old.metadata.ownerReferences) next.metadata.ownerReferences = copyJson(old.metadata.ownerReferences);
  else delete next.metadata.ownerReferences;
  const status: PodStatus = next['status'];
  const before = (old as Pod).status ?? {};
  if (before.qosClass) status.qosClass ??= before.qosClass;
  if (before.observedGeneration) status.observedGeneration ||= before.observedGeneration;
  // Behind a gate that is closed (DRANodeAllocatableResources).
  delete status.nodeAllocatableResourceClaimStatuses;
  dropVolumeStatuses(status, before);
  const generations = new Map<string, (number | undefined)[]>();
  for (const { type, observedGeneration } of before.conditions ?? [])
    generations.set(type, [...(generations.get(type) ?? []), observedGeneration]);
  // Conditions of one type keep their order.
  for (const condition of status.conditions ?? []) {
    const earlier = generations.get(condition.type)?.shift();
    if (earlier) condition.observedGeneration ||= earlier;
  }
}

/** Pods that no kubelet runs go at once (CheckGracefulDelete). */
function gracePeriod({ spec, status }: AnyObject): number {
  if (!spec?.nodeName || status?.phase === 'Failed' || status?.phase === 'Succeeded') return 0;
  const seconds = Number(spec.terminationGracePeriodSeconds ?? 0);
  return seconds < 0 ? 1 : seconds;
}

/** A subresource that changes one field of the spec. */
function keepAllBut(field: keyof PodSpec): NonNullable<Rules['prepareForUpdate']> {
  return (next, old) => {
    const value = next['spec']?.[field];
    const { managedFields } = next.metadata;
    Object.assign(next, copyJson(old));
    // Whose the fields are is settled (ResetObjectMetaForStatus).
    if (managedFields) next.metadata.managedFields = managedFields;
    else delete next.metadata.managedFields;
    if (value === undefined) delete next['spec'][field];
    else next['spec'][field] = value;
    if (!semanticEqual(next['spec'], old['spec'])) next.metadata.generation = nextGeneration(old.metadata.generation);
  };
}

/** Ephemeral containers stay as they are once added (ValidatePodEphemeralContainersUpdate). */
function onlyAdded(next: AnyObject, old: AnyObject): FieldError[] {
  const field = 'spec.ephemeralContainers';
  const list = (next as Pod).spec?.ephemeralContainers ?? [];
  return ((old as Pod).spec?.ephemeralContainers ?? []).flatMap((container) => {
    const own = `existing ephemeral containers ${JSON.stringify(container.name)}`;
    const now = list.findLast(({ name }) => name === container.name);
    if (!now) return [forbidden(field, `${own} may not be removed\n`)];
    if (semanticEqual(now, container)) return [];
    return [forbidden(field, `${own} may not be changed\n${specDiff('EphemeralContainer', container, now)}`)];
  });
}
