import { copyJson, isRecord, setOwn } from '@berth/kube';
import { additionalOf, hasDefault, itemsOf, type JsonSchema, memberOf, propertyOf } from '../schema/json-schema.ts';

/** Fills, in place, what `schema` has defaults for (apiextensions defaulting.Default). */
export function fillDefaults(value: unknown, schema: JsonSchema | undefined): void {
  if (!schema) return;
  if (Array.isArray(value)) {
    const items = itemsOf(schema);
    if (!items) return;
    for (const [i, item] of value.entries()) {
      if (isForbiddenNull(item, items)) value[i] = copyJson(items.default ?? null);
      fillDefaults(value[i], items);
    }
  } else if (isRecord(value)) fillRecord(value, schema);
}

function fillRecord(value: Record<string, unknown>, schema: JsonSchema): void {
  for (const [name, property] of Object.entries(schema.properties ?? {})) {
    if (!hasDefault(property)) continue;
    if (!Object.hasOwn(value, name) || isForbiddenNull(value[name], property))
      setOwn(value, name, copyJson(property.default));
  }
  const additional = additionalOf(schema);
  for (const name of Object.keys(value)) {
    const property = propertyOf(schema, name);
    if (!property && additional && isForbiddenNull(value[name], additional))
      setOwn(value, name, copyJson(additional.default ?? null));
    fillDefaults(value[name], property ?? additional);
  }
}

function isForbiddenNull(value: unknown, schema: JsonSchema): boolean {
  return value === null && schema.nullable !== true;
}

/** Removes nulls where there may be none and no default takes their place (defaulting.PruneNonNullableNullsWithoutDefaults). */
export function dropNulls(value: unknown, schema: JsonSchema | undefined): void {
  // Where nothing is specified nulls are as good as anything.
  if (!schema) return;
  if (Array.isArray(value)) {
    const items = itemsOf(schema);
    for (const item of value) dropNulls(item, items);
  } else if (isRecord(value)) {
    for (const name of Object.keys(value)) {
      const member = memberOf(schema, name);
      if (member && isForbiddenNull(value[name], member) && !hasDefault(member)) delete value[name];
      else dropNulls(value[name], member);
    }
  }
}
