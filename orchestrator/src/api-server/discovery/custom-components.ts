import { isIntOrStringAllOf, isIntOrStringAnyOf } from '../custom-resources/schema/int-or-string.ts';
import {
  additionalOf,
  isEmbedded,
  itemsOf,
  type JsonSchema,
  preservesUnknown,
} from '../custom-resources/schema/json-schema.ts';
import { listKindOf, type ResourceDefinition } from '../resource-definition.ts';
import { kindDescriptions } from './descriptions/kind-descriptions.ts';
import { mapValues } from './map-values.ts';
import { refOf } from './openapi-schema.ts';

type Json = Record<string, unknown>;

const objectMeta = 'io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta';
const listMeta = 'io.k8s.apimachinery.pkg.apis.meta.v1.ListMeta';

/** The built-in schemas that those of custom resources refer to. */
export function customRoots(definitions: readonly ResourceDefinition[]): string[] {
  return definitions.some(({ custom }) => custom) ? [objectMeta, listMeta] : [];
}

/** The component schemas of custom resources and their lists; for v2 without what its readers cannot bear (apiextensions openapi builder). */
export function* customComponents(
  definitions: readonly ResourceDefinition[],
  as: 'v2' | 'v3' = 'v3',
): Generator<readonly [name: string, component: Json]> {
  for (const definition of definitions) {
    if (!definition.custom) continue;
    yield [definition.schema, objectComponent(definition, definition.custom.schema, as)];
    yield [`${definition.schema}List`, listComponent(definition)];
  }
}

function objectComponent(definition: ResourceDefinition, schema: JsonSchema, as: 'v2' | 'v3'): Json {
  const { group, version, kind } = definition;
  const types = { 'x-kubernetes-group-version-kind': [{ group, version, kind }], ...selectableFields(definition) };
  // Readers of v2 would refuse what is beside the known fields.
  if (as === 'v2' && preservesUnknown(schema)) return { type: 'object', ...types };
  return { ...withResourceFields(published(schema, as)), ...types };
}

function withResourceFields(schema: Json): Json {
  const string = (name: 'apiVersion' | 'kind') => ({ type: 'string', description: kindDescriptions[name] });
  const metadata = { description: kindDescriptions.metadata, allOf: [{ $ref: refOf(objectMeta) }] };
  const properties = (schema['properties'] ?? {}) as Json;
  return { ...schema, properties: { ...properties, apiVersion: string('apiVersion'), kind: string('kind'), metadata } };
}

function listComponent(definition: ResourceDefinition): Json {
  const { group, version, plural, schema, kind } = definition;
  const listKind = listKindOf(definition);
  const items = { type: 'array', description: `The ${plural}.`, items: { $ref: refOf(schema) } };
  return {
    type: 'object',
    description: `${listKind} is a list of ${kind}`,
    required: ['items'],
    properties: {
      apiVersion: { type: 'string', description: kindDescriptions.apiVersion },
      items,
      kind: { type: 'string', description: kindDescriptions.kind },
      metadata: { description: kindDescriptions.metadata, allOf: [{ $ref: refOf(listMeta) }] },
    },
    'x-kubernetes-group-version-kind': [{ group, version, kind: listKind }],
    ...selectableFields(definition),
  };
}

/** The fields of its own that a selector may name (apiextensions openapi builder, buildSelectableFields). */
function selectableFields({ rules }: ResourceDefinition): Json {
  const fields = Object.keys(rules.selectableFields ?? {}).map((fieldPath) => ({ fieldPath }));
  return fields.length > 0 ? { 'x-kubernetes-selectable-fields': fields } : {};
}

function published(schema: JsonSchema, as: 'v2' | 'v3'): Json {
  const { properties, items: _, additionalProperties, ...rest } = as === 'v2' ? plainer(schema) : unfolded(schema);
  const items = itemsOf(schema);
  const additional = additionalOf(schema);
  const isOpaque = as === 'v2' && (preservesUnknown(schema) || schema.nullable === true);
  const own: Json = {
    ...rest,
    ...(properties && !isOpaque ? { properties: mapValues(properties, (each) => published(each, as)) } : {}),
    ...(items && !isOpaque ? { items: published(items, as) } : {}),
    ...(additional ? { additionalProperties: published(additional, as) } : {}),
    ...(additionalProperties === true && as === 'v3' ? { additionalProperties: true } : {}),
  };
  return isEmbedded(schema) && !(as === 'v2' && preservesUnknown(schema)) ? asResource(own, schema) : own;
}

/** What is embedded says what it is (apiextensions openapi builder, addEmbeddedProperties). */
function asResource(own: Json, { required = [] }: JsonSchema): Json {
  return { ...withResourceFields(own), required: [...new Set([...required, 'kind', 'apiVersion'])] };
}

/** What int-or-string stands for, said in full. */
function unfolded(schema: JsonSchema): JsonSchema {
  if (!schema['x-kubernetes-int-or-string'] || isIntOrStringAnyOf(schema) || isIntOrStringAllOf(schema)) return schema;
  const anyOf = [{ type: 'integer' }, { type: 'string' }];
  return schema.anyOf ? { ...schema, allOf: [{ anyOf }, ...(schema.allOf ?? [])] } : { ...schema, anyOf };
}

/** Without junctors, and without types where v2's readers would take them too literally. */
function plainer(schema: JsonSchema): JsonSchema {
  const { allOf: _, anyOf: __, oneOf: ___, not: ____, nullable, ...rest } = schema;
  const lost = nullable || (rest.type === 'array' && (!itemsOf(schema) || preservesUnknown(schema)));
  const loose = preservesUnknown(schema) && rest.type === 'object';
  const { type, ...untyped } = rest;
  const required = (rest.required ?? []).filter((name) => rest.properties?.[name]?.nullable !== true);
  return {
    ...untyped,
    ...(lost || loose || type === undefined ? {} : { type }),
    ...(required.length > 0 ? { required } : {}),
  };
}
