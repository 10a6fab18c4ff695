import type { FieldSchema, ObjectSchema } from '@berth/kube';
import type { JsonSchema } from '../../api-server/custom-resources/schema/json-schema.ts';

/** Fields that may hold anything are objects without known fields to expressions; those of definitions' schemas are nothing. */
const definitions = /^io\.k8s\.apiextensions-apiserver\./;

/**
 * A built-in kind as expressions see its published schema (cel/openapi/resolver/refs.go): a type within itself is an
 * object of which nothing is known.
 */
export function builtInSchema(schema: ObjectSchema, within: ReadonlySet<string> = new Set()): JsonSchema {
  if (within.has(schema.name)) return { type: 'object' };
  const inside = new Set([...within, schema.name]);
  const any: JsonSchema = definitions.test(schema.name) ? {} : { type: 'object' };
  const fields = [...schema.fields].map(([name, field]) => [name, fieldSchema(field, inside, any)] as const);
  return { type: 'object', properties: Object.fromEntries(fields), required: [...schema.required] };
}

function fieldSchema({ type, struct, element }: FieldSchema, within: ReadonlySet<string>, any: JsonSchema): JsonSchema {
  const inner = () => fieldSchema(element as FieldSchema, within, any);
  switch (type) {
    case 'struct':
      return builtInSchema(struct as ObjectSchema, within);
    case 'list':
      return { type: 'array', items: inner() };
    case 'map':
      return { type: 'object', additionalProperties: inner() };
    case 'int32':
    case 'int64':
      return { type: 'integer' };
    case 'double':
      return { type: 'number' };
    case 'bytes':
      return { type: 'string', format: 'byte' };
    case 'time':
    case 'microTime':
      return { type: 'string', format: 'date-time' };
    case 'intOrString':
      return { 'x-kubernetes-int-or-string': true };
    case 'any':
      return any;
    // Published as one of several types, which is none to expressions.
    case 'quantity':
      return {};
    default:
      return { type };
  }
}
