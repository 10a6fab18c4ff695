import type { JsonSchema } from '../schema/json-schema.ts';
import { SchemaResult } from './schema-result.ts';
import type { Subject } from './subject.ts';
import type { ValueValidator } from './validate-value.ts';

/** anyOf, oneOf, allOf and not; of several that fail, the one that came furthest is reported. */
export function junctorResult(validator: ValueValidator, schema: JsonSchema, subject: Subject): SchemaResult {
  const { anyOf = [], oneOf = [], allOf = [], not } = schema;
  const result = new SchemaResult();
  const check = (each: JsonSchema) => validator.check(each, subject);
  const refuse = (message: string) =>
    result.add({ kind: 'junctor', name: '', value: '', message: `${JSON.stringify(subject.path)} ${message}` });
  if (anyOf.length > 0) addAnyOf(anyOf, check, refuse, result);
  if (oneOf.length > 0) addOneOf(oneOf, check, refuse, result);
  if (allOf.length > 0) {
    const results = allOf.map(check);
    for (const each of results) result.merge(each);
    const valid = results.filter(({ isValid }) => isValid).length;
    if (valid < allOf.length) refuse(`must validate all the schemas (allOf)${valid === 0 ? '. None validated' : ''}`);
  }
  if (not && check(not).isValid) refuse('must not validate the schema (not)');
  result.matches++;
  return result;
}

type Check = (schema: JsonSchema) => SchemaResult;
type Refuse = (message: string) => void;

function addAnyOf(schemas: readonly JsonSchema[], check: Check, refuse: Refuse, result: SchemaResult): void {
  let best: SchemaResult | undefined;
  for (const schema of schemas) {
    const each = check(schema);
    if (each.isValid) {
      result.merge(each);
      return;
    }
    if (!best || each.matches > best.matches) best = each;
  }
  refuse('must validate at least one schema (anyOf)');
  if (best) result.merge(best);
}

function addOneOf(schemas: readonly JsonSchema[], check: Check, refuse: Refuse, result: SchemaResult): void {
  const valid: SchemaResult[] = [];
  let best: SchemaResult | undefined;
  for (const schema of schemas) {
    const each = check(schema);
    if (each.isValid) valid.push(each);
    else if (valid.length === 0 && (!best || each.matches > best.matches)) best = each;
  }
  if (valid.length === 1) {
    result.merge(valid[0] as SchemaResult);
    return;
  }
  refuse(
    `must validate one and only one schema (oneOf). ${valid.length === 0 ? 'Found none valid' : `Found ${valid.length} valid alternatives`}`,
  );
  if (best && valid.length === 0) result.merge(best);
}
