import type { FieldError } from '../../resource-definition.ts';
import { child, forbidden, invalid, notSupportedPlain, required } from '../../resources/field.ts';
import { hasDefault, isList, itemsOf, type JsonSchema, propertyOf } from '../schema/json-schema.ts';
import { internalJson } from './internal-json.ts';
import type { SchemaCheck } from './schema-errors.ts';

const listTypes = ['atomic', 'set', 'map'];

/** What x-kubernetes-list-type and x-kubernetes-list-map-keys ask of a list and its items. */
export function listTypeRuleErrors(schema: JsonSchema, path: string, check: SchemaCheck): FieldError[] {
  const { type = '', 'x-kubernetes-list-type': listType, 'x-kubernetes-list-map-keys': keys = [] } = schema;
  const field = (name: string) => child(path, name);
  const mustBeMap = 'must be map if x-kubernetes-list-map-keys is non-empty';
  const mustBeArray = 'must be array if x-kubernetes-list-type is specified';
  if (listType === undefined) return keys.length > 0 ? [required(field('x-kubernetes-list-type'), mustBeMap)] : [];
  return [
    ...(type === 'array'
      ? check.requiresAtomicSets
        ? setErrors(schema, path)
        : []
      : [type === '' ? required(field('type'), mustBeArray) : invalid(field('type'), type, mustBeArray)]),
    ...(listTypes.includes(listType) ? [] : [notSupportedPlain(field('x-kubernetes-list-type'), listType, listTypes)]),
    ...(keys.length > 0 && listType !== 'map' ? [invalid(field('x-kubernetes-list-type'), listType, mustBeMap)] : []),
    ...(listType === 'map' ? mapErrors(schema, keys, path) : []),
    ...(check.requiresMapKeys ? listKeyErrors(schema, path) : []),
  ];
}

/** Members of sets are compared whole. */
function setErrors(schema: JsonSchema, path: string): FieldError[] {
  const items = itemsOf(schema);
  if (schema['x-kubernetes-list-type'] !== 'set' || !items) return [];
  const why = 'must be atomic as item of a list with x-kubernetes-list-type=set';
  const listType = items['x-kubernetes-list-type'];
  if (items.type === 'array' && (listType ?? 'atomic') !== 'atomic')
    return [invalid(child(path, 'items.x-kubernetes-list-type'), listType, why)];
  if (items.type === 'object' && items['x-kubernetes-map-type'] !== 'atomic')
    return [invalid(child(path, 'items.x-kubernetes-map-type'), listType ?? null, why)];
  return [];
}

function mapErrors(schema: JsonSchema, keys: readonly string[], path: string): FieldError[] {
  const items = itemsOf(schema);
  const field = child(path, 'items');
  const keysField = child(path, 'x-kubernetes-list-map-keys');
  return [
    ...(keys.length === 0 ? [required(keysField, 'must not be empty if x-kubernetes-list-type is map')] : []),
    ...(schema.items === undefined ? [required(field, 'must have a schema if x-kubernetes-list-type is map')] : []),
    ...(schema.items !== undefined && isList(schema.items)
      ? [
          invalid(
            field,
            internalJson('Schema', schema)['Items'],
            'must only have a single schema if x-kubernetes-list-type is map',
          ),
        ]
      : []),
    ...(items && items.type !== 'object'
      ? [
          invalid(
            child(field, 'type'),
            items.type ?? '',
            "must be object if parent array's x-kubernetes-list-type is map",
          ),
        ]
      : []),
    ...(items?.type === 'object' ? keyErrors(items, keys, field, keysField) : []),
  ];
}

function keyErrors(items: JsonSchema, keys: readonly string[], field: string, keysField: string): FieldError[] {
  return keys.flatMap((key, i) => {
    const property = propertyOf(items, key);
    const why = "must be a scalar type if parent array's x-kubernetes-list-type is map";
    return [
      ...(property && ['array', 'object'].includes(property.type ?? '')
        ? [invalid(`${child(field, 'properties')}[${key}].type`, items.type ?? '', why)]
        : []),
      ...(property ? [] : [invalid(keysField, keys, 'entries must all be names of item properties')]),
      ...(keys.indexOf(key) < i ? [invalid(keysField, keys, 'must not contain duplicate entries')] : []),
    ];
  });
}

/** Keys are there in every item, and no item is null (validateMapListKeysMapSet). */
export function listKeyErrors(schema: JsonSchema, path: string): FieldError[] {
  const items = itemsOf(schema);
  const listType = schema['x-kubernetes-list-type'];
  if (!items || (listType !== 'set' && listType !== 'map')) return [];
  const field = child(path, 'items');
  const nullable = items.nullable
    ? [forbidden(child(field, 'nullable'), `cannot be nullable when x-kubernetes-list-type is ${listType}`)]
    : [];
  if (listType === 'set') return nullable;
  const keys = (schema['x-kubernetes-list-map-keys'] ?? []).flatMap((key) => {
    const property = propertyOf(items, key);
    if (!property) return [];
    const at = `${child(field, 'properties')}[${key}]`;
    const isThere = items.required?.includes(key) || hasDefault(property);
    return [
      ...(isThere
        ? []
        : [
            required(
              child(at, 'default'),
              'this property is in x-kubernetes-list-map-keys, so it must have a default or be a required property',
            ),
          ]),
      ...(property.nullable
        ? [forbidden(child(at, 'nullable'), 'this property is in x-kubernetes-list-map-keys, so it cannot be nullable')]
        : []),
    ];
  });
  return [...nullable, ...keys];
}
