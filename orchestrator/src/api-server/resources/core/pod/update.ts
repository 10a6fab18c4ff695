import {
  type Container,
  copyWithSentEmpties,
  type NodeAffinity,
  type NodeSelectorTerm,
  type Pod,
  type PodSpec,
  type Toleration,
  withSentEmpty,
} from '@berth/kube';
import type { FieldError } from '../../../resource-definition.ts';
import { semanticEqual } from '../../equality.ts';
import { forbidden, invalid, required } from '../../field.ts';
import { shownForm, specDiff } from '../../internal-form.ts';
import { inRange } from '../../names.ts';
import { imageBlanks } from './image-blanks.ts';
import { validateTolerations } from './scheduling.ts';

const updatable = [
  '`spec.containers[*].image`',
  '`spec.initContainers[*].image`',
  '`spec.activeDeadlineSeconds`',
  '`spec.tolerations` (only additions to existing tolerations)',
  '`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)',
].join(',');

/** What may change in a pod after creation (ValidatePodUpdate); the diff shows what else did. */
export function validatePodUpdate(next: Pod, old: Pod): FieldError[] {
  const spec = next.spec as PodSpec;
  const before = old.spec as PodSpec;
  const containers: FieldError[] = [];
  for (const list of ['containers', 'initContainers'] as const) {
    if ((spec[list]?.length ?? 0) !== (before[list]?.length ?? 0))
      return [...containers, forbidden(`spec.${list}`, 'pod updates may not add or remove containers')];
    containers.push(...imageErrors(spec[list] ?? [], `spec.${list}`));
  }
  const deadline = deadlineErrors(spec.activeDeadlineSeconds, before.activeDeadlineSeconds);
  if (deadline.length > 0 && spec.activeDeadlineSeconds !== undefined) return [...containers, ...deadline];
  const errors = [
    ...containers,
    ...deadline,
    ...addedTolerations(spec.tolerations ?? [], before.tolerations ?? []),
    ...deletedGates(spec, before),
    ...(before.schedulingGates?.length ? narrowedPlacement(spec, before) : []),
  ];
  if (semanticEqual(spec, before)) return errors;
  const munged = withoutAllowedChanges(spec, before);
  if (semanticEqual(munged, before)) return errors;
  const diff = specDiff('PodSpec', before, munged);
  return [...errors, forbidden('spec', `pod updates may not change fields other than ${updatable}\n${diff}`)];
}

function imageErrors(containers: readonly Container[], field: string): FieldError[] {
  return containers.flatMap(({ image = '' }, index) => [
    ...(image === '' ? [required(`${field}[${index}].image`)] : []),
    ...imageBlanks(image, `${field}[${index}].image`),
  ]);
}

function deadlineErrors(next: number | undefined, old: number | undefined): FieldError[] {
  const field = 'spec.activeDeadlineSeconds';
  if (next === undefined)
    return old === undefined ? [] : [invalid(field, null, 'must not update from a positive integer to nil value')];
  const range = inRange(next, 0, 2 ** 31 - 1).map((text) => invalid(field, next, text));
  if (range.length > 0 || old === undefined || old >= next) return range;
  return [invalid(field, next, 'must be less than or equal to previous value')];
}

function addedTolerations(next: readonly Toleration[], old: readonly Toleration[]): FieldError[] {
  const kept = old.every((toleration) =>
    next.some((other) => semanticEqual({ ...toleration, tolerationSeconds: other.tolerationSeconds }, other)),
  );
  if (!kept)
    return [forbidden('spec.tolerations', 'existing toleration can not be modified except its tolerationSeconds')];
  return validateTolerations(next, 'spec.tolerations');
}

function deletedGates(spec: PodSpec, before: PodSpec): FieldError[] {
  const old = new Set((before.schedulingGates ?? []).map(({ name }) => name));
  return (spec.schedulingGates ?? []).flatMap(({ name }, index) =>
    old.has(name)
      ? []
      : [
          forbidden(
            `spec.schedulingGates[${index}].name`,
            `only deletion is allowed, but found new scheduling gate '${name}'`,
          ),
        ],
  );
}

/** A gated pod's node selector and affinity may become stricter, never looser (KEP-3838). */
function narrowedPlacement(spec: PodSpec, before: PodSpec): FieldError[] {
  const kept = Object.entries(before.nodeSelector ?? {}).every(([key, value]) => spec.nodeSelector?.[key] === value);
  const text = 'only additions to spec.nodeSelector are allowed (no mutations or deletions)';
  return [
    ...(kept ? [] : [invalid('spec.nodeSelector', withSentEmpty(spec, 'nodeSelector'), text)]),
    ...narrowedAffinity(spec.affinity?.nodeAffinity, before.affinity?.nodeAffinity),
  ];
}

function narrowedAffinity(next: NodeAffinity | undefined, old: NodeAffinity | undefined): FieldError[] {
  const oldTerms = old?.requiredDuringSchedulingIgnoredDuringExecution?.nodeSelectorTerms ?? [];
  const terms = next?.requiredDuringSchedulingIgnoredDuringExecution?.nodeSelectorTerms;
  const field = 'spec.affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms';
  const shown = (term: NodeSelectorTerm) => shownForm('NodeSelectorTerm', term);
  if (oldTerms.length > 0 && oldTerms.length !== (terms?.length ?? 0)) {
    const text = 'no additions/deletions to non-empty NodeSelectorTerms list are allowed';
    return [invalid(field, terms?.map(shown), text)];
  }
  const text = 'only additions are allowed (no mutations or deletions)';
  return oldTerms.flatMap((term, index) => {
    const now = terms?.[index] ?? {};
    return onlyAdds(now, term) ? [] : [invalid(`${field}[${index}]`, shown(now), text)];
  });
}

/** A term that asks for nothing selects nothing: to ask for something is looser (validateNodeSelectorTermHasOnlyAdditions). */
function onlyAdds(next: NodeSelectorTerm, old: NodeSelectorTerm): boolean {
  const count = (term: NodeSelectorTerm) => (term.matchExpressions?.length ?? 0) + (term.matchFields?.length ?? 0);
  if (count(old) === 0) return count(next) === 0;
  return (['matchExpressions', 'matchFields'] as const).every((list) => {
    const length = old[list]?.length ?? 0;
    return semanticEqual((next[list] ?? []).slice(0, length), old[list]);
  });
}

/** The new spec with every change that is allowed taken back. */
function withoutAllowedChanges(spec: PodSpec, before: PodSpec): PodSpec {
  const munged = copyWithSentEmpties(spec);
  for (const list of ['containers', 'initContainers'] as const)
    for (const [index, container] of (munged[list] ?? []).entries())
      setOrDelete(container, 'image', before[list]?.[index]?.image);
  setOrDelete(munged, 'activeDeadlineSeconds', before.activeDeadlineSeconds);
  setOrDelete(munged, 'schedulingGates', before.schedulingGates);
  setOrDelete(munged, 'tolerations', before.tolerations);
  const grace = before.terminationGracePeriodSeconds ?? 0;
  if (grace < 0 && munged.terminationGracePeriodSeconds === 1) munged.terminationGracePeriodSeconds = grace;
  if (before.schedulingGates?.length) takeBackPlacement(munged, before);
  return munged;
}

function takeBackPlacement(munged: PodSpec, before: PodSpec): void {
  setOrDelete(munged, 'nodeSelector', before.nodeSelector);
  const affinity = { ...munged.affinity };
  setOrDelete(affinity, 'nodeAffinity', before.affinity?.nodeAffinity);
  setOrDelete(munged, 'affinity', Object.keys(affinity).length > 0 ? affinity : before.affinity);
}

function setOrDelete<T extends object, K extends keyof T>(target: T, key: K, value: T[K] | undefined): void {
  if (value === undefined) delete target[key];
  else target[key] = value;
}
