import { type JsonSchema, someSchema } from './json-schema.ts';

/** Making validators of more takes longer than anyone may be kept waiting; the largest that are in use have some thousands. */
const mostSchemas = 10_000;
/** Each is parsed and checked, and has its price found. */
const mostRules = 200;

/** Whether it takes long to make of a schema what objects are checked by. */
export function isLargeSchema(schema: JsonSchema): boolean {
  let [schemas, rules] = [0, 0];
  return someSchema(schema, (each) => {
    rules += each['x-kubernetes-validations']?.length ?? 0;
    return ++schemas > mostSchemas || rules > mostRules;
  });
}
