import { type JsonSchema, someSchema } from './json-schema.ts';

/** Making validators of more takes longer than anyone may be kept waiting; the largest that are in use have some thousands. */
const mostSchemas = 10_000;
/** Each is parsed and checked, and has its price found. */
const mostRules = 200;
/** Of rules and patterns together; some microseconds for each. */
const mostCompiled = 24_000;

/** Whether it takes long to make of a schema what objects are checked by. */
export function isLargeSchema(schema: JsonSchema): boolean {
  let [schemas, rules, compiled] = [0, 0, 0];
  return someSchema(schema, ({ pattern = '', 'x-kubernetes-validations': validations = [] }) => {
    rules += validations.length;
    compiled += pattern.length;
    for (const { rule, messageExpression = '' } of validations) compiled += rule.length + messageExpression.length;
    return ++schemas > mostSchemas || rules > mostRules || compiled > mostCompiled;
  });
}
