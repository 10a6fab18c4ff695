import type { Container, Pod, PodSpec, ResourceRequirements } from '@berth/kube';
import { defaultAndTrack } from '../apply/default-and-track.ts';
import { managerOf } from '../apply/manager-name.ts';
import { applyPatch } from '../apply-patch.ts';
import { expectedKind } from '../body-decoder.ts';
import { invalid } from '../invalid.ts';
import { patchOf } from '../patch-body.ts';
import type { SpecialHandler } from '../request-pipeline.ts';
import type { AnyObject, FieldError } from '../resource-definition.ts';
import { modified } from '../resource-errors.ts';
import { qosClass } from '../resources/core/pod/qos.ts';
import { semanticEqual } from '../resources/equality.ts';
import { forbidden, invalid as invalidField } from '../resources/field.ts';
import type { ServerContext } from '../server-context.ts';
import { getObject } from '../verbs/get-object.ts';
import { writeOptionsOf } from '../write-options.ts';
import { editStored } from './edit-stored.ts';

/** The endpoint of in-place resize: only the containers' resources are taken. */
export const resizePod: SpecialHandler = async (context, route, request) => {
  const { definition, namespace, name, verb } = route;
  if (verb === 'get') return getObject(context, route, request);
  const options = writeOptionsOf(request.query, verb === 'patch' ? 'PatchOptions' : 'UpdateOptions');
  const strictness = { validation: options.fieldValidation, warn: request.warn };
  const expected = expectedKind(definition);
  const patch = verb === 'patch' ? await patchOf(request) : undefined;
  const body = patch ? undefined : await context.bodies.object(request, expected, options.fieldValidation);
  const edit = (pod: AnyObject) => {
    const wanted = patch
      ? context.bodies.conform(applyPatch(patch, pod, definition.schema), expected, strictness)
      : structuredClone(body as AnyObject);
    const { resourceVersion } = wanted.metadata;
    if (resourceVersion && resourceVersion !== pod.metadata.resourceVersion) throw modified(definition, name);
    const before = structuredClone(pod) as Pod;
    trackResize(context, { pod, wanted, manager: managerOf(options.fieldManager, request.userAgent) });
    takeResources(pod, wanted);
    definition.rules.default?.(pod);
    const errors = [...(definition.rules.validate?.(pod) ?? []), ...resizeErrors(pod as Pod, before)];
    if (errors.length > 0) throw invalid(definition, name, errors);
  };
  const object = await editStored(context, { definition, namespace, name, dryRun: options.dryRun, edit });
  return { type: 'object', status: 200, object, definition };
};

/** Whose the resources are from now on; of what else the request brings, nothing counts. */
function trackResize(
  context: ServerContext,
  { pod, wanted, manager }: { pod: AnyObject; wanted: AnyObject; manager: string },
) {
  const definition = context.registry.ofResource('', 'pods');
  if (!definition) return;
  const next = structuredClone(wanted);
  const write = { definition, subresource: 'resize', object: next, live: pod, manager };
  defaultAndTrack(context, write);
  const { managedFields } = next.metadata;
  if (managedFields) pod.metadata.managedFields = managedFields;
  else delete pod.metadata.managedFields;
}

/** What a resize may not do (ValidatePodResize). */
function resizeErrors({ spec: next }: Pod, { spec: old }: Pod): FieldError[] {
  const errors: FieldError[] = [];
  const qos = qosClass(next as PodSpec);
  if (qos !== qosClass(old as PodSpec))
    errors.push(invalidField('spec', qos, 'Pod QOS Class may not change as a result of resizing'));
  for (const [index, container] of (old?.containers ?? []).entries()) {
    const path = `spec.containers[${index}].resources`;
    errors.push(...removals(container.resources, next?.containers[index]?.resources, path));
  }
  return errors;
}

function removals(old: ResourceRequirements | undefined, next: ResourceRequirements | undefined, path: string) {
  return (['limits', 'requests'] as const)
    .filter((list) => Object.keys(old?.[list] ?? {}).some((name) => next?.[list]?.[name] === undefined))
    .map((list) => forbidden(`${path}.${list}`, `resource ${list} cannot be removed`));
}

function takeResources(pod: AnyObject, wanted: AnyObject): void {
  const byName = new Map(((wanted.spec?.containers ?? []) as Container[]).map((each) => [each.name, each]));
  let changed = false;
  for (const container of (pod.spec.containers ?? []) as Container[]) {
    const { resources, resizePolicy } = byName.get(container.name) ?? {};
    changed ||= resources !== undefined && !semanticEqual(resources, container.resources);
    if (resources) container.resources = resources;
    if (resizePolicy) container.resizePolicy = resizePolicy;
  }
  if (changed) pod.metadata.generation = (pod.metadata.generation ?? 0) + 1;
}
