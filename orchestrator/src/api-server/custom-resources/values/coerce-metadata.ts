import { DecodeError, decodeObject, isRecord, schemas } from '@berth/kube';
import type { FieldError } from '../../resource-definition.ts';
import { child, inOrder, invalid } from '../../resources/field.ts';
import { isEmbedded, itemsOf, type JsonSchema, memberOf, propertyOf } from '../schema/json-schema.ts';

const metaSchema = 'io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta';

export interface Coercion {
  /** Wrong metadata is an error; else what is wrong of it is dropped, as for what was stored long ago. */
  readonly strict: boolean;
  /** Paths of unknown fields are added here. */
  readonly unknown: string[];
}

/**
 * Brings the metadata of embedded resources into form, in place (apiextensions objectmeta.Coerce).
 * The first thing wrong is the answer, where `strict`.
 */
export function coerceEmbedded(
  value: unknown,
  schema: JsonSchema | undefined,
  path: string,
  coercion: Coercion,
): FieldError | undefined {
  if (!schema) return undefined;
  if (Array.isArray(value)) {
    const items = itemsOf(schema);
    for (const [i, item] of value.entries()) {
      const error = coerceEmbedded(item, items, `${path}[${i}]`, coercion);
      if (error) return error;
    }
    return undefined;
  }
  if (!isRecord(value)) return undefined;
  const error = isEmbedded(schema) ? coerceResource(value, path, coercion) : undefined;
  if (error) return error;
  for (const name of Object.keys(value)) {
    const at = propertyOf(schema, name) ? child(path, name) : `${path}[${name}]`;
    const nested = coerceEmbedded(value[name], memberOf(schema, name), at, coercion);
    if (nested) return nested;
  }
  return undefined;
}

function coerceResource(
  value: Record<string, unknown>,
  path: string,
  { strict, unknown }: Coercion,
): FieldError | undefined {
  for (const name of ['apiVersion', 'kind']) {
    if (value[name] === undefined || typeof value[name] === 'string') continue;
    if (strict) return invalid(child(path, name), value[name], 'must be a string');
    delete value[name];
  }
  if (value['metadata'] === undefined) return undefined;
  try {
    const { object, unknownFields } = decodeMetadata(value['metadata'], !strict);
    value['metadata'] = object;
    unknown.push(...unknownFields.map((field) => child(child(path, 'metadata'), field)));
    return undefined;
  } catch (error) {
    if (!(error instanceof DecodeError)) throw error;
    return strict ? invalid(child(path, 'metadata'), inOrder(value['metadata']), error.message) : undefined;
  }
}

/** @throws DecodeError – it is no metadata; unless `drop`, which leaves out the members that are wrong. */
export function decodeMetadata(metadata: unknown, drop = false) {
  const schema = schemas.get(metaSchema);
  try {
    return decodeObject(schema, metadata);
  } catch (error) {
    if (!drop || !isRecord(metadata)) throw error;
    const object: Record<string, unknown> = {};
    const unknownFields: string[] = [];
    for (const [name, value] of Object.entries(metadata)) {
      try {
        const decoded = decodeObject(schema, { [name]: value });
        Object.assign(object, decoded.object);
        unknownFields.push(...decoded.unknownFields);
      } catch {
        // Dropped.
      }
    }
    return { object, unknownFields };
  }
}
