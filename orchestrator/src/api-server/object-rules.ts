import { rfc3339 } from '@berth/kit';
import { apiError, groupVersionOf, keepSentEmpty, nullSentEmpties } from '@berth/kube';
import { invalid } from './invalid.ts';
import type { AnyObject, FieldError, RequestContext, ResourceDefinition } from './resource-definition.ts';

/** Which endpoint an update came through. */
export type UpdateEndpoint = 'main' | 'status' | 'other';

/** The rules of a subresource that writes the object itself, where the kind has such. */
function subresourceRules({ rules }: ResourceDefinition, endpoint: UpdateEndpoint, subresource: string) {
  return endpoint === 'other' ? rules.subresources?.[subresource] : undefined;
}

/** Fills what the server alone decides of a new object (apiserver rest.BeforeCreate). */
export function prepareForCreate(definition: ResourceDefinition, object: AnyObject, context: RequestContext): void {
  const { metadata } = object;
  delete metadata.selfLink;
  metadata.uid = context.newUid();
  metadata.creationTimestamp = rfc3339(context.now);
  definition.rules.prepareForCreate?.(object, context);
}

export interface Validating {
  readonly warn?: (text: string) => void;
  readonly told?: readonly FieldError[];
}

/** `told`: what was found before. @throws ApiError Invalid */
export function validateCreate(
  definition: ResourceDefinition,
  object: AnyObject,
  { warn = () => undefined, told = [] }: Validating = {},
): void | Promise<void> {
  const errors = [...told, ...(definition.rules.validate?.(object) ?? [])];
  const also = definition.rules.checkAlso?.(object, undefined, { endpoint: 'main', warn });
  if (also) return also.then((more) => throwInvalid(definition, object, [...errors, ...more]));
  throwInvalid(definition, object, errors);
}

/** Keeps of the stored object what an update can't touch (apiserver rest.BeforeUpdate). */
export function prepareForUpdate(options: {
  readonly definition: ResourceDefinition;
  readonly next: AnyObject;
  readonly old: AnyObject;
  readonly endpoint: UpdateEndpoint;
  readonly subresource: string;
  readonly context: RequestContext;
}): void {
  const { definition, next, old, endpoint, subresource, context } = options;
  const { metadata } = next;
  const before = old.metadata;
  const generation = before.generation;
  if (generation === undefined) delete metadata.generation;
  else metadata.generation = generation;
  const { rules } = definition;
  if (endpoint === 'status') rules.prepareForStatusUpdate?.(next, old, context);
  else if (endpoint === 'main') rules.prepareForUpdate?.(next, old, context);
  else subresourceRules(definition, endpoint, subresource)?.prepareForUpdate?.(next, old, context);
  metadata.uid ||= before.uid as string;
  metadata.creationTimestamp = before.creationTimestamp as string;
  if (before.deletionTimestamp) metadata.deletionTimestamp = before.deletionTimestamp;
  if (before.deletionGracePeriodSeconds !== undefined)
    metadata.deletionGracePeriodSeconds ??= before.deletionGracePeriodSeconds;
}

/** @throws ApiError Invalid */
export function validateUpdate(options: {
  readonly definition: ResourceDefinition;
  readonly next: AnyObject;
  readonly old: AnyObject;
  readonly endpoint: UpdateEndpoint;
  readonly subresource: string;
  readonly warn?: Validating['warn'];
  readonly told?: Validating['told'];
}): void | Promise<void> {
  const { definition, next, old, endpoint, subresource, warn = () => undefined, told = [] } = options;
  const { rules } = definition;
  const { validateChangeFirst, validateUpdate: validateChange } =
    subresourceRules(definition, endpoint, subresource) ?? rules;
  // Where the request names no revision, the one it replaces stands in: the store compares in any case.
  const versioned: AnyObject = keepSentEmpty(next, {
    ...next,
    metadata: { ...next.metadata, resourceVersion: old.metadata.resourceVersion as string },
  });
  const errors =
    endpoint === 'status'
      ? (rules.validateStatusUpdate?.(versioned, old) ?? [])
      : [
          ...(rules.validateMetadataUpdate?.(versioned, old) ?? []),
          ...(validateChangeFirst?.(versioned, old) ?? []),
          ...((rules.validateChanged ?? rules.validate)?.(versioned, old) ?? []),
          ...(validateChange?.(versioned, old) ?? []),
        ];
  const also = rules.checkAlso?.(versioned, old, { endpoint, warn });
  if (also) return also.then((more) => throwInvalid(definition, next, [...told, ...errors, ...more]));
  throwInvalid(definition, next, [...told, ...errors]);
}

/** Of the kinds that upstream stores as JSON empty lists come back as they were sent. */
const storedAsJson = new Set(['apiextensions.k8s.io', 'apiregistration.k8s.io']);

/** What is written of an object that has passed all checks, as it will be read. */
export function asStored({ custom, group }: ResourceDefinition, object: AnyObject): void {
  if (custom) custom.settle(object);
  else if (!storedAsJson.has(group)) nullSentEmpties(object);
}

function throwInvalid(definition: ResourceDefinition, object: AnyObject, errors: readonly FieldError[]): void {
  if (errors.length === 0) return;
  throw invalid(toldKind(definition, object), object.metadata.name ?? '', errors);
}

/** The kind that is told to be wrong: a custom resource's is what it says itself. */
function toldKind({ custom, storedAs, group, kind }: ResourceDefinition, object: AnyObject) {
  // A kind of two groups is told as the first one's, of which its unversioned form is.
  if (!custom) return { group: storedAs?.group ?? group, kind };
  const said = object.apiVersion === undefined ? group : groupVersionOf(object.apiVersion).group;
  return { group: said, kind: object.kind ?? kind };
}

/** The namespace of the path is the object's. @throws ApiError BadRequest */
export function ensureNamespace(object: AnyObject, namespaced: boolean, namespace: string): void {
  const { metadata } = object;
  if (!namespaced) {
    delete metadata.namespace;
    return;
  }
  metadata.namespace ||= namespace;
  if (metadata.namespace !== namespace)
    throw apiError(
      'BadRequest',
      'the namespace of the provided object does not match the namespace sent on the request',
    );
}

/** The object is the one of the path. @throws ApiError BadRequest */
export function ensureName({ metadata }: AnyObject, name: string): void {
  if (!metadata.name)
    throw apiError(
      'BadRequest',
      `the name of the object (${name} based on URL) was undeterminable: name must be provided`,
    );
  if (metadata.name !== name)
    throw apiError(
      'BadRequest',
      `the name of the object (${metadata.name}) does not match the name on the URL (${name})`,
    );
}
