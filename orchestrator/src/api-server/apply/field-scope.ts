import {
  apiVersionOf,
  copyJson,
  deduced,
  type FieldSet,
  groupVersionOf,
  type MergeType,
  mergeTypeOf,
  schemas,
  type TypedValue,
  type Versions,
} from '@berth/kube';
import type { ConvertObjects } from '../custom-resources/serving/converting-storage.ts';
import type { AnyObject, ResourceDefinition } from '../resource-definition.ts';
import type { ResourceRegistry } from '../resource-registry.ts';
import { toWireForm } from '../resources/wire-form.ts';
import { resetFieldsOf, withoutReset } from './reset-fields.ts';

/** What field management needs to know of an endpoint. */
export interface FieldScope {
  readonly group: string;
  readonly version: string;
  readonly kind: string;
  /** Of the endpoint's kind. */
  readonly apiVersion: string;
  readonly subresource: string;
  readonly type: MergeType;
  readonly versions: Versions;
  /** Of a kind whose versions a webhook converts: `versions` is to be had by convertMissed alone. */
  readonly convert: ConvertObjects | undefined;
  readonly filter: (set: FieldSet, apiVersion: string) => FieldSet;
  /** The schema may be another than when a set was written: custom resources'. */
  readonly reconcile: boolean;
  /** An object of the kind of which nothing is set, in wire form. Shared: nobody changes it. */
  readonly empty: () => AnyObject;
}

/** The scope of an object's own endpoint, or of a subresource that has its kind. */
export function fieldScopeOf(
  registry: ResourceRegistry,
  definition: ResourceDefinition,
  subresource: string,
): FieldScope {
  const { group, version, kind } = definition;
  const reset = resetFieldsOf(definition, subresource);
  let empty: AnyObject | undefined;
  return {
    group,
    version,
    kind,
    apiVersion: apiVersionOf(definition),
    subresource,
    type: typeOf(definition),
    versions: versionsOf(registry, definition),
    convert: definition.custom?.convert,
    filter: (set, apiVersion) => (groupVersionOf(apiVersion).group === group ? withoutReset(set, reset) : set),
    reconcile: definition.merge !== undefined,
    empty: () => {
      empty ??= emptyObject(definition);
      return empty;
    },
  };
}

/** How objects of a kind are merged: by its built-in schema, or by what a custom one brings. */
function typeOf({ merge, schema }: ResourceDefinition): MergeType {
  if (merge) return merge;
  const known = schemas.find(schema);
  return known ? mergeTypeOf(known) : deduced;
}

function emptyObject(definition: ResourceDefinition): AnyObject {
  const object: AnyObject = { kind: definition.kind, apiVersion: apiVersionOf(definition), metadata: {} };
  if (!definition.merge) toWireForm(object, definition.schema);
  return object;
}

function versionsOf(registry: ResourceRegistry, own: ResourceDefinition): Versions {
  const find = (apiVersion: string) =>
    apiVersion === apiVersionOf(own)
      ? own
      : registry.definitions.find((each) => each.kind === own.kind && each.stored && apiVersionOf(each) === apiVersion);
  return {
    typeOf: (apiVersion) => {
      const found = find(apiVersion);
      return found && typeOf(found);
    },
    convert: (object, apiVersion) => {
      const value = object.value as AnyObject;
      if (value.apiVersion === apiVersion) return object;
      const [from, to] = [find(value.apiVersion ?? ''), find(apiVersion)];
      return from && to && converted(value, from, to);
    },
  };
}

/** By way of the stored form, as every conversion between versions goes. */
function converted(value: AnyObject, from: ResourceDefinition, to: ResourceDefinition): TypedValue {
  const copy = copyJson(value);
  const stored = from.storedAs ? from.storedAs.toStored(copy) : copy;
  const own = to.storedAs ? to.storedAs.fromStored(stored) : stored;
  const object: AnyObject = { ...own, kind: to.kind, apiVersion: apiVersionOf(to) };
  // Converting fills no defaults: what is taken away in one version must be gone in the other.
  if (!to.merge) toWireForm(object, to.schema);
  return { value: object, type: typeOf(to) };
}
