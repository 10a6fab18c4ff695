import { type Container, decodeObject, type Pod, type PodSpec, type ResourceRequirements, schemas } from '@berth/kube';
import { askedOf } from '../admission/asked.ts';
import { applyObject } from '../apply/apply-object.ts';
import { defaultAndTrack } from '../apply/default-and-track.ts';
import { managerOf } from '../apply/manager-name.ts';
import { isApplyPatch, readConfig, reportDuplicates } from '../apply/read-config.ts';
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
import type { ResourceRoute } from '../route.ts';
import type { ServerContext } from '../server-context.ts';
import type { ServerRequest } from '../server-request.ts';
import { getObject } from '../verbs/get-object.ts';
import { type WriteOptions, writeOptionsOf } from '../write-options.ts';
import { editStored } from './edit-stored.ts';

/** The endpoint of in-place resize: only the containers' resources are taken. */
export const resizePod: SpecialHandler = async (context, route, request) => {
  const { definition, namespace, name, verb } = route;
  if (verb === 'get') return getObject(context, route, request);
  const isApply = verb === 'patch' && isApplyPatch(request);
  const kind = verb === 'patch' ? 'PatchOptions' : 'UpdateOptions';
  const options = writeOptionsOf(request.query, kind, isApply ? 'apply' : undefined);
  const resize = await (isApply ? appliedResize : sentResize)(context, { route, request, options });
  const edit = async (pod: AnyObject) => {
    const wanted = resize(pod);
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
    const errors = [...(definition.rules.validate?.(pod) ?? []), ...resizeErrors(pod as Pod, before)];
    if (errors.length > 0) throw invalid(definition, name, errors);
    await context.admission.validate(admission);
  };
  const object = await editStored(context, { definition, namespace, name, dryRun: options.dryRun, edit });
  return { type: 'object', status: 200, object, definition };
};

/** The pod as the request wants it, with its managedFields; `pod` is not changed. */
type Resize = (pod: AnyObject) => AnyObject;

interface ResizeRequest {
  readonly route: ResourceRoute;
  readonly request: ServerRequest;
  readonly options: WriteOptions;
}

async function sentResize(context: ServerContext, { route, request, options }: ResizeRequest): Promise<Resize> {
  const { definition, verb } = route;
  const strictness = { validation: options.fieldValidation, warn: request.warn };
  const expected = expectedKind(definition);
  const patch = verb === 'patch' ? await patchOf(request) : undefined;
  const body = patch ? undefined : await context.bodies.object(request, expected, options.fieldValidation);
  const manager = managerOf(options.fieldManager, request.userAgent);
  return (pod) => {
    const object = patch
      ? context.bodies.conform(applyPatch(patch, pod, definition.schema), expected, strictness)
      : structuredClone(body as AnyObject);
    defaultAndTrack(context, { definition, subresource: 'resize', object, live: pod, manager });
    return object;
  };
}

async function appliedResize(context: ServerContext, { route, request, options }: ResizeRequest): Promise<Resize> {
  const { definition } = route;
  const read = await readConfig(request);
  return (pod) => {
    const applied = applyObject({
      scope: context.fields.of(definition, 'resize'),
      live: pod,
      config: read.config,
      manager: options.fieldManager,
      force: options.force === true,
      now: context.clock.now(),
      decode: (merged) => decodeObject(schemas.get(definition.schema), merged).object as AnyObject,
    });
    reportDuplicates(read, options.fieldValidation, request.warn);
    return applied;
  };
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
  if (changed) pod.metadata.generation = (pod.metadata.generation ?? 0) + 1;
}
