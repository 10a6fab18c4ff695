import type { JsonSchema } from './json-schema.ts';

/** `anyOf: [{type: integer}, {type: string}]`: the one place where types may stand in a value validation. */
export function isIntOrStringAnyOf({ anyOf }: JsonSchema): boolean {
  return anyOf?.length === 2 && isOnlyType(anyOf[0], 'integer') && isOnlyType(anyOf[1], 'string');
}

/** The same as the first of `allOf`. */
export function isIntOrStringAllOf({ allOf }: JsonSchema): boolean {
  return allOf?.[0] !== undefined && isIntOrStringAnyOf(allOf[0]);
}

function isOnlyType(schema: JsonSchema | undefined, type: string): boolean {
  return schema?.type === type && Object.keys(schema).length === 1;
}
