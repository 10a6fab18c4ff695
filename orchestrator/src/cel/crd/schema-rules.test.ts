import { parseJsonStrict } from '@berth/kube';
import { expect, test } from 'vitest';
import type { JsonSchema } from '../../api-server/custom-resources/schema/json-schema.ts';
import { atOnce } from '../../api-server/decoding/in-steps.ts';
import { checkingSchemaRules } from './check-schema-rules.ts';
import { compileSchemaRules } from './compile-schema-rules.ts';
import type { RuleInput, RuleVerdict } from './crd-rules.ts';

const spec = (
  properties: JsonSchema['properties'],
  rules: JsonSchema['x-kubernetes-validations'] = [],
): JsonSchema => ({
  type: 'object',
  properties: { spec: { type: 'object', properties: properties ?? {}, 'x-kubernetes-validations': rules } },
});

async function verdict(schema: JsonSchema, input: RuleInput): Promise<RuleVerdict> {
  return (await (await compileSchemaRules(schema))?.validate(input)) as RuleVerdict;
}

const errors = async (schema: JsonSchema, input: RuleInput) => (await verdict(schema, input)).errors;
const integers = { min: { type: 'integer' }, max: { type: 'integer' } };

test('a rule that is false gives its message, its field and its reason', async () => {
  const schema = spec(integers, [
    { rule: 'self.min <= self.max', message: 'min above max', fieldPath: '.min', reason: 'FieldValueForbidden' },
    { rule: 'self.max < 10', messageExpression: "'max is ' + string(self.max)" },
    { rule: 'self.min >= 0' },
  ]);
  expect(await errors(schema, { value: { spec: { min: -20, max: -30 } } })).toEqual([
    { reason: 'FieldValueForbidden', field: 'spec.min', message: 'Forbidden: min above max' },
    { reason: 'FieldValueInvalid', field: 'spec', message: 'Invalid value: failed rule: self.min >= 0' },
  ]);
  expect(await errors(schema, { value: { spec: { min: 1, max: 30 } } })).toEqual([
    { reason: 'FieldValueInvalid', field: 'spec', message: 'Invalid value: max is 30' },
  ]);
});

test('of what a schema says nothing about the JSON is compared', async () => {
  const free: JsonSchema = {
    type: 'object',
    'x-kubernetes-preserve-unknown-fields': true,
    properties: { known: { type: 'integer' } },
  };
  const schema = spec({ free }, [{ rule: 'self.free == oldSelf.free', message: 'changed' }]);
  const changes = async (free: object, old: object) =>
    (await errors(schema, { value: { spec: { free } }, old: { spec: { free: old } } })).length;
  expect(await changes({ a: { b: [1, null] } }, { a: { b: [1, null] } })).toBe(0);
  expect(await changes({ known: 1, a: 'x' }, { a: 'x', known: 1 })).toBe(0);
  expect(await changes({ a: { b: [1, null] } }, { a: { b: [1] } })).toBe(1);
  expect(await changes({ known: 1, a: 1 }, { known: 2, a: 1 })).toBe(1);
  expect(await changes({ a: 1 }, { a: 1, b: 2 })).toBe(1);
  // As upstream, which looks no further where the other object has no such field.
  expect(await changes({ a: 1 }, { b: 1 })).toBe(0);
});

test('a number that was sent with a point or an exponent is no integer', async () => {
  const schema = spec({ n: { type: 'integer' }, either: { 'x-kubernetes-int-or-string': true } }, [
    { rule: '!has(self.n) || self.n == 5' },
    { rule: '!has(self.either) || self.either == 5' },
  ]);
  const told = async (text: string) =>
    (await errors(schema, { value: parseJsonStrict(text).value })).map(({ message }) => message);
  expect(await told('{"spec":{"n":5,"either":5}}')).toEqual([]);
  for (const n of ['5.0', '5e0'])
    expect(await told(`{"spec":{"n":${n}}}`)).toEqual([
      'Invalid value: "object": invalid data, expected int, got float64 evaluating rule: !has(self.n) || self.n == 5',
    ]);
  expect(await told('{"spec":{"either":5.0}}')).toEqual([
    expect.stringContaining('expected XIntOrString value to be either a string or integer'),
  ]);
});

test('rules of lists and maps are run for each element', async () => {
  const schema: JsonSchema = {
    type: 'object',
    properties: {
      list: { type: 'array', items: { type: 'string', 'x-kubernetes-validations': [{ rule: 'self.size() < 3' }] } },
      map: {
        type: 'object',
        additionalProperties: { type: 'integer', 'x-kubernetes-validations': [{ rule: 'self > 0' }] },
      },
    },
  };
  expect(await errors(schema, { value: { list: ['ab', 'abc'], map: { a: 1, b: 0 } } })).toEqual([
    { reason: 'FieldValueInvalid', field: 'list[1]', message: 'Invalid value: "abc": failed rule: self.size() < 3' },
    { reason: 'FieldValueInvalid', field: 'map[b]', message: 'Invalid value: 0: failed rule: self > 0' },
  ]);
});

test('transition rules look at what was; without it they are left out, unless they can do without', async () => {
  const schema = spec(integers, [{ rule: 'self.min == oldSelf.min', message: 'min is immutable' }]);
  expect(await errors(schema, { value: { spec: { min: 2 } } })).toEqual([]);
  const changed = { value: { spec: { min: 2 } }, old: { spec: { min: 1 } } };
  expect(await errors(schema, changed)).toMatchObject([{ message: 'Invalid value: min is immutable' }]);
  const optional = spec(integers, [
    { rule: 'oldSelf.hasValue() || self.min == 0', optionalOldSelf: true, message: 'begins at 0' },
  ]);
  expect(await errors(optional, { value: { spec: { min: 2 } } })).toMatchObject([
    { message: 'Invalid value: begins at 0' },
  ]);
  expect(await errors(optional, changed)).toEqual([]);
});

test('what was broken before and did not change is a warning', async () => {
  const warnings: string[] = [];
  const schema = spec(integers, [{ rule: 'self.min > 0' }]);
  const value = { spec: { min: 0 } };
  expect(await errors(schema, { value, old: { spec: { min: 0 } }, warn: (text) => warnings.push(text) })).toEqual([]);
  expect(warnings).toEqual(['spec: Invalid value: failed rule: self.min > 0']);
});

test('an evaluation that fails says how', async () => {
  const schema = spec({ ...integers, any: { 'x-kubernetes-int-or-string': true } as JsonSchema }, [
    { rule: 'self.min > 0' },
    { rule: 'self.any > 5' },
  ]);
  expect(await errors(schema, { value: { spec: { any: 'x' } } })).toEqual([
    {
      reason: 'FieldValueInvalid',
      field: 'spec',
      message: 'Invalid value: "object": no such key: min evaluating rule: self.min > 0',
    },
    {
      reason: 'FieldValueInvalid',
      field: 'spec',
      message:
        'Invalid value: "object": \'no such overload\': call arguments did not match a supported operator, function or macro signature for rule: self.any > 5',
    },
  ]);
});

test('an evaluation that costs too much is broken off, and so is all that follows', async () => {
  const list = { type: 'array', items: { type: 'integer' } } as JsonSchema;
  const schema = spec({ list }, [{ rule: 'self.list.all(x, self.list.all(y, x + y >= 0))' }, { rule: 'false' }]);
  const value = { spec: { list: Array.from({ length: 2000 }, (_, i) => i) } };
  const { errors, budget } = await verdict(schema, { value });
  expect(budget).toBe(-1);
  expect(errors).toMatchObject([
    {
      message:
        'Invalid value: "object": \'operation cancelled: actual cost limit exceeded\': no further validation rules will be run due to call cost exceeds limit for rule: self.list.all(x, self.list.all(y, x + y >= 0))',
    },
  ]);
});

test('names that are no identifiers are escaped, embedded resources have their names', async () => {
  const schema: JsonSchema = {
    type: 'object',
    'x-kubernetes-validations': [
      { rule: "self.metadata.name == 'a'" },
      { rule: 'self.spec.a__dash__b__dot__c == 1 && self.spec.__namespace__ == 2 && self.spec.x__underscores__y == 3' },
    ],
    properties: {
      spec: {
        type: 'object',
        properties: { 'a-b.c': { type: 'integer' }, namespace: { type: 'integer' }, x__y: { type: 'integer' } },
      },
    },
  };
  const value = { metadata: { name: 'a' }, spec: { 'a-b.c': 1, namespace: 2, x__y: 3 } };
  expect(await errors(schema, { value })).toEqual([]);
});

test('rules are checked when they are written: words, types and what they could cost', () => {
  const path = 'spec.validation.openAPIV3Schema';
  const at = `${path}.properties[spec].x-kubernetes-validations`;
  const broken = spec(integers, [
    { rule: 'self.nope == 1' },
    { rule: 'self.min' },
    { rule: 'true', messageExpression: '1' },
    { rule: 'google.protobuf.BoolValue{value: true}' },
  ]);
  expect(atOnce(checkingSchemaRules({ schema: broken, path }))).toMatchObject([
    {
      field: `${at}[0].rule`,
      message: expect.stringMatching(
        /: compilation failed: ERROR: <input>:1:5: undefined field 'nope'\n \| self\.nope == 1\n \| \.\.\.\.\^$/,
      ),
    },
    { field: `${at}[1].rule`, message: expect.stringMatching(/: cel expression must evaluate to a bool$/) },
    {
      field: `${at}[2].messageExpression`,
      message: expect.stringMatching(/: messageExpression must evaluate to a string$/),
    },
    // It could be none.
    { field: `${at}[3].rule`, message: expect.stringMatching(/: cel expression must evaluate to a bool$/) },
  ]);
  const list = (more: object) => ({ type: 'array', items: { type: 'string' }, ...more }) as JsonSchema;
  const rule = { rule: 'self.list.all(x, self.list.all(y, x == y))' };
  const unlimited = spec({ list: list({}) }, [rule]);
  const hint =
    '(try simplifying the rule, or adding maxItems, maxProperties, and maxLength where arrays, maps, and strings are declared)';
  expect(atOnce(checkingSchemaRules({ schema: unlimited, path }))).toEqual([
    {
      reason: 'FieldValueForbidden',
      field: `${at}[0].rule`,
      message: `Forbidden: estimated rule cost exceeds budget by factor of more than 100x ${hint}`,
    },
    {
      reason: 'FieldValueForbidden',
      field: `${at}[0].rule`,
      message: 'Forbidden: contributed to estimated rule cost total exceeding cost limit for entire OpenAPIv3 schema',
    },
    {
      reason: 'FieldValueForbidden',
      field: path,
      message: `Forbidden: x-kubernetes-validations estimated rule cost total for entire OpenAPIv3 schema exceeds budget by factor of more than 100x ${hint}`,
    },
  ]);
  const limited = spec({ list: list({ maxItems: 10, items: { type: 'string', maxLength: 10 } }) }, [rule]);
  expect(atOnce(checkingSchemaRules({ schema: limited, path }))).toEqual([]);
});
