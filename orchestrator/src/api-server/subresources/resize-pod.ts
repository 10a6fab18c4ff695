import { type Container, decodeObject, type Pod, type PodSpec, type ResourceRequirements, schemas } from '@berth/kube';
import { askedOf } from '../admission/asked.ts';
import { applySent, sentConfig } from '../apply/apply-sent.ts';
import { defaultAndTrack } from '../apply/default-and-track.ts';
import { managerOf } from '../apply/manager-name.ts';
import { isApplyPatch } from '../apply/read-config.ts';
import { applyPatch } from '../apply-patch.ts';
import { expectedKind } from '../body-decoder.ts';
import { invalid } from '../invalid.ts';
import { nextGeneration } from '../next-generation.ts';
import { ensureName, ensureNamespace } from '../object-rules.ts';
import { ensurePatch, patchOf } from '../patch-body.ts';
import type { SpecialHandler } from '../request-pipeline.ts';
import type { AnyObject, FieldError } from '../resource-definition.ts';
import { modified } from '../resource-errors.ts';
import { qosClass } from '../resources/core/pod/qos.ts';
import { semanticEqual } from '../resources/equality.ts';
import { forbidden, invalid as invalidField } from '../resources/field.ts';
import type { ResourceRoute } from '../route.ts';
import type { ServerContext } from '../server-context.ts';
import type { ServerRequest } from '../server-request.ts';
import { conformPatched } from '../verbs/conform-patched.ts';
import { getObject } from '../verbs/get-object.ts';
import { inGoOrder } from '../verbs/shown-patch.ts';
import { type WriteOptions, writeOptionsOf } from '../write-options.ts';
import { editStored } from './edit-stored.ts';

/** The endpoint of in-place resize: only the containers' resources are taken. */
export const resizePod: SpecialHandler = async (context, route, request) => {
  const { definition, namespace, name, verb } = route;
  if (verb === 'get') return getObject(context, route, request);
  const isApply = verb === 'patch' && isApplyPatch(request);
  const { options, resize } = await (isApply ? appliedResize : sentResize)(context, route, request);
  const edit = async (pod: AnyObject) => {
    const wanted = resize(pod);
    ensureNamespace(wanted, true, namespace);
    ensureName(wanted, name);
    const { resourceVersion } = wanted.metadata;
    if (resourceVersion && resourceVersion !== pod.metadata.resourceVersion) throw modified(definition, name);
    const before = structuredClone(pod) as Pod & AnyObject;
    takeResources(pod, wanted);
    definition.rules.default?.(pod);
    const about = {
      operation: 'update',
      definition,
      subresource: 'resize',
      namespace,
      name,
      object: pod,
      old: before,
    } as const;
    const { user, warn } = request;
    const admission = { ...about, user, warn, dryRun: options.dryRun, ...askedOf(request, options.asObject) };
    await context.admission.mutate(admission);
    const errors = [...(definition.rules.validate?.(pod, before) ?? []), ...resizeErrors(pod as Pod, before)];
    if (errors.length > 0) throw invalid(definition, name, errors);
    await context.admission.validate(admission);
  };
  const object = await editStored(context, { definition, namespace, name, dryRun: options.dryRun, edit });
  return { type: 'object', status: 200, object, definition };
};

/** The pod as the request wants it, with its managedFields; `pod` is not changed. */
type Resize = (pod: AnyObject) => AnyObject;

interface AskedResize {
  readonly options: WriteOptions;
  readonly resize: Resize;
}

async function sentResize(context: ServerContext, route: ResourceRoute, request: ServerRequest): Promise<AskedResize> {
  const { definition, verb } = route;
  const options = writeOptionsOf(request.query, verb === 'patch' ? 'PatchOptions' : 'UpdateOptions');
  const strictness = { validation: options.fieldValidation, warn: request.warn };
  const expected = expectedKind(definition);
  const sent = verb === 'patch' ? await patchOf(request, options.fieldValidation) : undefined;
  const body = sent ? undefined : await context.bodies.object(request, expected, options.fieldValidation);
  const manager = managerOf(options.fieldManager, request.userAgent);
  const resize = (pod: AnyObject) => {
    const patch = sent && ensurePatch(sent);
    const object = patch
      ? conformPatched(context.bodies, applyPatch(patch, inGoOrder(pod, definition.schema), definition.schema), {
          expected,
          patch,
          ...strictness,
        })
      : structuredClone(body as AnyObject);
    defaultAndTrack(context, { definition, subresource: 'resize', object, live: pod, manager });
    return object;
  };
  return { options, resize };
}

async function appliedResize(
  context: ServerContext,
  route: ResourceRoute,
  request: ServerRequest,
): Promise<AskedResize> {
  const { definition } = route;
  const sent = await sentConfig(request);
  const resize = (pod: AnyObject) =>
    applySent(context, sent, {
      scope: context.fields.of(definition, 'resize'),
      live: pod,
      decode: (merged) => decodeObject(schemas.get(definition.schema), merged, 'map').object as AnyObject,
    });
  return { options: sent.options, resize };
}

/** What a resize may not do (ValidatePodResize). */
function resizeErrors({ spec: next, status }: Pod, { spec: old }: Pod): FieldError[] {
  const errors: FieldError[] = [];
  if (qosClass(next as PodSpec) !== qosClass(old as PodSpec))
    errors.push(invalidField('spec', status?.qosClass ?? '', 'Pod QOS Class may not change as a result of resizing'));
  for (const [index, container] of (old?.containers ?? []).entries()) {
    const path = `spec.containers[${index}].resources`;
    const { resources } = next?.containers[index] ?? {};
    errors.push(...removals(container.resources, resources, path));
    if (!semanticEqual(fixedResources(container.resources), fixedResources(resources)))
      errors.push(forbidden('spec', 'only cpu and memory resources are mutable'));
  }
  return errors;
}

/** What of a container no resize changes. */
function fixedResources({ requests, limits, claims = [] }: ResourceRequirements = {}): object {
  const fixed = (amounts: Readonly<Record<string, string>> = {}) =>
    Object.fromEntries(Object.entries(amounts).filter(([name]) => name !== 'cpu' && name !== 'memory'));
  return { requests: fixed(requests), limits: fixed(limits), claims };
}

function removals(old: ResourceRequirements | undefined, next: ResourceRequirements | undefined, path: string) {
  return (['requests', 'limits'] as const)
    .filter((list) => Object.keys(old?.[list] ?? {}).some((name) => next?.[list]?.[name] === undefined))
    .map((list) => forbidden(`${path}.${list}`, `resource ${list} cannot be removed`));
}

function takeResources(pod: AnyObject, wanted: AnyObject): void {
  const { managedFields } = wanted.metadata;
  if (managedFields) pod.metadata.managedFields = managedFields;
  else delete pod.metadata.managedFields;
  const byName = new Map(((wanted.spec?.containers ?? []) as Container[]).map((each) => [each.name, each]));
  let changed = false;
  for (const container of (pod.spec.containers ?? []) as Container[]) {
    const { resources, resizePolicy } = byName.get(container.name) ?? {};
    changed ||= resources !== undefined && !semanticEqual(resources, container.resources);
    if (resources) container.resources = resources;
    if (resizePolicy) container.resizePolicy = resizePolicy;
  }
  if (changed) pod.metadata.generation = nextGeneration(pod.metadata.generation);
}
