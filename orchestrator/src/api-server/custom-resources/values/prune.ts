import { isRecord } from '@berth/kube';
import {
  additionalOf,
  isEmbedded,
  itemsOf,
  type JsonSchema,
  preservesUnknown,
  propertyOf,
} from '../schema/json-schema.ts';

const metaFields: ReadonlySet<string> = new Set(['apiVersion', 'kind', 'metadata']);

/** Upstream reports no more; what is beyond is dropped all the same. */
const maxReported = 100;

/**
 * Removes, in place, the fields that `schema` does not specify, but for those of a resource itself; answers with their
 * paths (apiextensions pruning.PruneWithOptions).
 */
export function prune(object: unknown, schema: JsonSchema, isResource: boolean): string[] {
  const pruner = new Pruner();
  pruner.value(object, isResource ? { ...schema, 'x-kubernetes-embedded-resource': true } : schema, '');
  return pruner.dropped.sort();
}

class Pruner {
  readonly dropped: string[] = [];

  value(value: unknown, schema: JsonSchema | undefined, path: string): void {
    if (schema && preservesUnknown(schema)) this.#keep(value, schema, path);
    else if (Array.isArray(value)) {
      const items = schema && itemsOf(schema);
      for (const [i, item] of value.entries()) this.value(item, items, `${path}[${i}]`);
    } else if (isRecord(value)) this.#record(value, schema, path);
  }

  #record(value: Record<string, unknown>, schema: JsonSchema | undefined, path: string): void {
    for (const name of Object.keys(value)) {
      if (schema && isEmbedded(schema) && metaFields.has(name)) continue;
      const property = schema && propertyOf(schema, name);
      if (property || schema?.additionalProperties !== undefined) {
        this.value(value[name], property ?? additionalOf(schema as JsonSchema), join(path, name));
        continue;
      }
      if ((!metaFields.has(name) || path !== '') && this.dropped.length < maxReported)
        this.dropped.push(join(path, name));
      delete value[name];
    }
  }

  /** Unknown fields stay; known ones are pruned by what is said of them. */
  #keep(value: unknown, schema: JsonSchema, path: string): void {
    if (Array.isArray(value)) {
      const items = itemsOf(schema);
      if (items) for (const [i, item] of value.entries()) this.#keep(item, items, `${path}[${i}]`);
      return;
    }
    if (!isRecord(value)) return;
    for (const name of Object.keys(value)) {
      if (isEmbedded(schema) && metaFields.has(name)) continue;
      const property = propertyOf(schema, name);
      if (property) this.value(value[name], property, join(path, name));
      else if (schema.additionalProperties !== undefined)
        this.value(value[name], additionalOf(schema), join(path, name));
    }
  }
}

function join(path: string, name: string): string {
  return path === '' ? name : `${path}.${name}`;
}
