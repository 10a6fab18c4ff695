import { isRecord, isWrittenAsFloat, sortedJson } from '@berth/kube';
import type { FieldError } from '../../resource-definition.ts';
import { child, duplicate, invalid } from '../../resources/field.ts';
import { additionalOf, itemsOf, type JsonSchema, propertyOf } from '../schema/json-schema.ts';

/** Lists that are sets or maps have each element, or key, once (apiextensions listtype.ValidateListSetsAndMaps). */
export function listTypeErrors(value: unknown, schema: JsonSchema | undefined, path: string): FieldError[] {
  const errors: FieldError[] = [];
  addErrors(value, schema, path, errors);
  return errors;
}

function addErrors(value: unknown, schema: JsonSchema | undefined, path: string, errors: FieldError[]): void {
  if (!schema) return;
  if (Array.isArray(value)) {
    const type = schema['x-kubernetes-list-type'];
    if (type === 'set') addDuplicates(value, value, path, errors);
    else if (type === 'map') addMapErrors(value, schema['x-kubernetes-list-map-keys'] ?? [], path, errors);
    const items = itemsOf(schema);
    if (items) for (const [i, item] of value.entries()) addErrors(item, items, `${path}[${i}]`, errors);
  } else if (isRecord(value)) {
    const additional = additionalOf(schema);
    for (const name of Object.keys(value)) {
      if (additional) addErrors(value[name], additional, `${path}[${name}]`, errors);
      const property = propertyOf(schema, name);
      if (property) addErrors(value[name], property, child(path, name), errors);
    }
  }
}

function addMapErrors(list: readonly unknown[], keys: readonly string[], path: string, errors: FieldError[]): void {
  const wrong = list.findIndex((item) => item !== null && !isRecord(item));
  if (wrong >= 0) {
    errors.push(invalid(`${path}[${wrong}]`, list[wrong], 'must be an object for an array of list-type map'));
    return;
  }
  addDuplicates(
    list.map((item) => keyOf(item, keys)),
    list,
    path,
    errors,
  );
}

function keyOf(item: unknown, keys: readonly string[]): Record<string, unknown> {
  if (!isRecord(item)) return {};
  return Object.fromEntries(keys.filter((key) => Object.hasOwn(item, key)).map((key) => [key, item[key]]));
}

/** Reports the second of what is the same, however often it comes. */
function addDuplicates(values: readonly unknown[], list: readonly unknown[], path: string, errors: FieldError[]): void {
  if (list.length <= 1) return;
  const times = new Map<string, number>();
  for (const [i, value] of values.entries()) {
    // As Go has them, 1 and 1.0 are two.
    const text = isWrittenAsFloat(values, i) ? `float ${value}` : sortedJson(value);
    const before = times.get(text) ?? 0;
    times.set(text, before + 1);
    if (before === 1) errors.push(duplicate(`${path}[${i}]`, value));
  }
}
