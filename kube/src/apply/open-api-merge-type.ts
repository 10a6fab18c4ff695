import { schemas } from '../schema.ts';
import { deduced, type MergeList, type MergeMap, type MergeType, mergeTypeOf, untypedAtomic } from './merge-type.ts';

/** What of a structural OpenAPI schema (a CustomResourceDefinition's `openAPIV3Schema`) decides about merging. */
export interface OpenApiSchema {
  readonly type?: string;
  readonly format?: string;
  readonly properties?: Readonly<Record<string, OpenApiSchema>>;
  readonly additionalProperties?: OpenApiSchema | boolean;
  readonly items?: OpenApiSchema;
  readonly default?: unknown;
  readonly 'x-kubernetes-preserve-unknown-fields'?: boolean;
  readonly 'x-kubernetes-embedded-resource'?: boolean;
  readonly 'x-kubernetes-int-or-string'?: boolean;
  readonly 'x-kubernetes-list-type'?: 'atomic' | 'set' | 'map' | string;
  readonly 'x-kubernetes-list-map-keys'?: readonly string[];
  readonly 'x-kubernetes-map-type'?: 'atomic' | 'granular' | string;
}

/**
 * The merge type of custom resources with this schema, their kind, apiVersion and metadata included. `preserveUnknownFields`
 * as the definition's spec has it. Without a schema the type is `deduced`.
 */
export function openApiMergeType(schema: OpenApiSchema, preserveUnknownFields = false): MergeType {
  return { map: objectOf(schema, preserveUnknownFields || preserves(schema)) };
}

const preserves = (schema: OpenApiSchema) => schema['x-kubernetes-preserve-unknown-fields'] === true;

/** Below a schema that keeps unknown fields all others do (kube-openapi schemaconv visitSpec). */
function typeOf(schema: OpenApiSchema, inherited: boolean): MergeType {
  const preserve = inherited || preserves(schema);
  switch (schema['x-kubernetes-int-or-string'] ? undefined : schema.type) {
    case 'object':
      return { map: schema['x-kubernetes-embedded-resource'] ? objectOf(schema, preserve) : mapOf(schema, preserve) };
    case 'array':
      return { list: listOf(schema, preserve) };
    case 'integer':
    case 'number':
      return { scalar: 'numeric' };
    case 'boolean':
      return { scalar: 'boolean' };
    case 'string':
      return {
        scalar: schema.format === undefined || schema.format === '' || schema.format === 'byte' ? 'string' : 'untyped',
      };
    default:
      return { scalar: 'untyped', list: listOf(schema, preserve), map: mapOf(schema, preserve) };
  }
}

function mapOf(schema: OpenApiSchema, preserve: boolean): MergeMap {
  const properties = Object.entries(schema.properties ?? {});
  return {
    atomic: schema['x-kubernetes-map-type'] === 'atomic',
    fields: new Map(properties.map(([name, field]) => [name, typeOf(field, preserve)])),
    element: elementOf(schema, preserve),
    defaults: new Map(
      properties.filter(([, field]) => field.default !== undefined).map(([name, field]) => [name, field.default]),
    ),
  };
}

function elementOf({ properties = {}, additionalProperties: more }: OpenApiSchema, preserve: boolean) {
  if (more === undefined) return preserve || Object.keys(properties).length === 0 ? deduced : undefined;
  if (typeof more === 'boolean') return more ? deduced : undefined;
  return typeOf(more, preserve);
}

function listOf(schema: OpenApiSchema, preserve: boolean): MergeList {
  const type = schema['x-kubernetes-list-type'];
  return {
    element: schema.items ? typeOf(schema.items, preserve) : untypedAtomic,
    atomic: type !== 'set' && type !== 'map',
    keys: type === 'map' ? (schema['x-kubernetes-list-map-keys'] ?? []) : [],
  };
}

/** Every object has these, whatever its schema says of them: it is never one of which nothing is known. */
function objectOf(schema: OpenApiSchema, preserve: boolean): MergeMap {
  const { fields: own, ...map } = mapOf({ ...schema, properties: { kind: {}, ...schema.properties } }, preserve);
  const fields = new Map(own);
  fields.set('apiVersion', { scalar: 'string' });
  fields.set('kind', { scalar: 'string' });
  fields.set('metadata', mergeTypeOf(schemas.get('io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta')));
  return { ...map, fields };
}
