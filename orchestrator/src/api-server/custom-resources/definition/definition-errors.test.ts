import { expect, test } from 'vitest';
import { checkDefinition } from './check-definition.ts';
import { definitionErrors, definitionUpdateErrors } from './definition-errors.ts';

const definition = (spec: object, properties: object) => ({
  apiVersion: 'apiextensions.k8s.io/v1',
  kind: 'CustomResourceDefinition',
  metadata: { name: 'tests.x.io' },
  spec: {
    group: 'x.io',
    scope: 'Namespaced',
    names: { plural: 'tests', singular: 'test', kind: 'Test', listKind: 'TestList' },
    conversion: { strategy: 'None' },
    versions: [
      { name: 'v1', served: true, storage: true, schema: { openAPIV3Schema: { type: 'object', properties } } },
    ],
    ...spec,
  },
  status: { storedVersions: ['v1'] },
});

const never = 'cannot set to true, set x-kubernetes-preserve-unknown-fields to true in spec.versions[*].schema instead';
test.each([
  [{ a: { type: 'string' } }, [never]],
  [{ a: { type: 'string', default: 'x' } }, ['must be false in order to use defaults in the schema', never]],
])('unknown fields of all versions cannot be preserved, least where there are defaults: %j', (properties, why) => {
  const errors = definitionErrors(definition({ preserveUnknownFields: true }, properties));
  expect(errors.filter(({ field }) => field === 'spec.preserveUnknownFields').map(({ message }) => message)).toEqual(
    why.map((text) => `Invalid value: true: ${text}`),
  );
});

test.each([
  ['who is taken is warned of formats nobody knows', {}, ['unrecognized format "x"']],
  ['who is refused is not', { scope: 'x' }, []],
])('%s', async (_, spec, expected) => {
  const warnings: string[] = [];
  const warn = (text: string) => void warnings.push(text);
  const next = definition(spec, { a: { type: 'string', format: 'x' } });
  const errors = await checkDefinition(next, undefined, { endpoint: 'main', warn });
  expect({ refused: errors.length > 0, warnings }).toEqual({ refused: expected.length === 0, warnings: expected });
});

const converted = (caBundle: string, conversionReviewVersions = ['v1']) =>
  definition(
    {
      conversion: {
        strategy: 'Webhook',
        webhook: { clientConfig: { url: 'https://x/', caBundle }, conversionReviewVersions },
      },
    },
    {},
  );
const established = (object: ReturnType<typeof definition>) => ({
  ...object,
  status: { ...object.status, conditions: [{ type: 'Established', status: 'True' }] },
});
const unreadable = ['Invalid value: "eA==": unable to load root certificates: unable to parse bytes as PEM block'];

// What kube-apiserver 1.36.3 says.
test.each([
  ['may be there of a definition that is not served yet', definition({}, {}), 'eA==', []],
  ['is refused of one that is', established(definition({}, {})), 'eA==', unreadable],
  ['may stay', established(converted('eQ==')), 'eA==', []],
])('a bundle without certificates %s', (_, old, caBundle, why) => {
  const errors = definitionUpdateErrors(converted(caBundle), old);
  const field = 'spec.conversion.webhookClientConfig.caBundle';
  expect(errors).toEqual(why.map((message) => ({ reason: 'FieldValueInvalid', field, message })));
});

test('reviews that nobody speaks may stay, and may not come', () => {
  const next = converted('', ['v2']);
  expect(definitionUpdateErrors(next, converted('', ['v3']))).toEqual([]);
  expect(definitionUpdateErrors(next, converted('', ['v1']))).toMatchObject([
    { field: 'spec.conversion.conversionReviewVersions' },
  ]);
});

const failed = 'Invalid value: failed rule: self.b > 6';
const missing = 'Invalid value: "object": no such key: a evaluating rule: self.a > 5';
const rules = (...texts: readonly string[]) => ({
  type: 'object',
  properties: { a: { type: 'integer' }, b: { type: 'integer' } },
  'x-kubernetes-validations': texts.map((rule) => ({ rule })),
});

// What kube-apiserver 1.36.3 says.
test.each([
  ['in the order of the rules', { default: { b: 1 }, ...rules('self.b > 6', 'self.a > 5') }, [failed, missing]],
  ['once, though it is looked at twice', { default: {}, ...rules('self.a > 5') }, [missing]],
  ['instead of what is wrong with the rules', { default: {}, ...rules('self.a > 5', 'self.nope') }, 2],
  [
    'where it is an object of its own, whose name a rule may ask for',
    {
      default: { apiVersion: 'v1', kind: 'X', metadata: {} },
      ...rules('self.metadata.name == "x"'),
      'x-kubernetes-embedded-resource': true,
    },
    ['Invalid value: "object": no such key: name evaluating rule: self.metadata.name == "x"'],
  ],
])('a default that breaks a rule is told %s', async (_, schema, expected) => {
  const next = definition({}, { x: schema });
  const errors = await checkDefinition(next, undefined, { endpoint: 'main', warn: () => undefined });
  expect(new Set(errors.map(({ field }) => field))).toEqual(
    new Set(['spec.validation.openAPIV3Schema.properties[x].default']),
  );
  expect(typeof expected === 'number' ? errors.length : errors.map(({ message }) => message)).toEqual(expected);
});

const noType = { 'x-kubernetes-int-or-string': true };
const anyType = { 'x-kubernetes-preserve-unknown-fields': true };
const ofType = (value: string, type: string) =>
  `Invalid value: "${value}":  in body must be of type ${type}: "${value}"`;

// What kube-apiserver 1.36.3 says.
test.each([
  [{ ...noType, default: true }, []],
  [{ type: 'object', default: { a: 1.5 }, properties: { a: noType } }, []],
  [
    { ...noType, type: 'string', default: 0, 'x-kubernetes-validations': [{ rule: 'self > 3' }] },
    [ofType('integer', 'string')],
  ],
  [{ type: 'integer', format: 'double', default: true }, [ofType('', 'double')]],
  [{ type: 'integer', format: 'nope', default: 'x' }, [ofType('string', 'integer')]],
  [{ type: 'boolean', format: 'int32', default: 1 }, [ofType('int64', 'int32')]],
  [{ type: 'string', format: 'nope', default: [1] }, []],
  [{ type: 'number', format: 'date-time', default: 'x' }, [ofType('string', 'number'), ofType('x', 'date-time')]],
  [{ ...anyType, format: 'nope', default: 1 }, [ofType('int64', 'nope')]],
  [{ ...noType, format: 'date', default: 'x' }, [ofType('x', 'date')]],
  [
    { ...anyType, enum: [{ b: 1, a: [] }], default: { d: [{ b: 2, a: 1 }], c: 1 } },
    ['Unsupported value: {"c":1,"d":[{"a":1,"b":2}]}: supported values: "{\\"a\\":[],\\"b\\":1}"'],
  ],
])('a default is checked by type and format as they are written, known or not: %j', async (schema, expected) => {
  const next = definition({}, { x: schema });
  const errors = await checkDefinition(next, undefined, { endpoint: 'main', warn: () => undefined });
  expect(errors.map(({ message }) => message)).toEqual(expected);
});

test.each([
  [{ additionalProperties: true }, '.a', []],
  [{ additionalProperties: true }, "['a']", []],
  [{ additionalProperties: { type: 'object', additionalProperties: true } }, '.a.b', []],
  [{}, '.a', ['Invalid value: ".a": must be a valid path']],
])('a rule of %j may tell of %s', (schema, fieldPath, expected) => {
  const rules = [{ rule: 'true', fieldPath }];
  const errors = definitionErrors(
    definition({}, { x: { type: 'object', ...schema, 'x-kubernetes-validations': rules } }),
  );
  expect(errors.map(({ message }) => message)).toEqual(expected);
});

test('several schemas of a list with keys are shown as upstream prints them', () => {
  const keyed = { type: 'array', 'x-kubernetes-list-type': 'map', 'x-kubernetes-list-map-keys': ['k'] };
  const next = definition({}, { x: { ...keyed, items: [{ type: 'string' }] } });
  const shown = definitionErrors(next).find(({ message }) => message.includes('only have a single schema'));
  expect(shown?.message).toMatch(
    /^Invalid value: {"Schema":null,"JSONSchemas":\[{"ID":"",.*"XValidations":null}\]}: must/,
  );
});

test.each([
  ['.', 'unexpected end of JSON path'],
  ['.a.', 'unexpected end of JSON path'],
  ['..', 'does not refer to a valid field'],
])('a selectable field at %s leads nowhere', (jsonPath, why) => {
  const next = definition({}, { a: { type: 'object', additionalProperties: { type: 'string' } } });
  Object.assign(next.spec.versions[0] as object, { selectableFields: [{ jsonPath }] });
  expect(definitionErrors(next).map(({ message }) => message)).toEqual([
    `Invalid value: "${jsonPath}": is an invalid path: ${why}`,
  ]);
});

test('of a schema that cannot be read, why is told, and what is wrong with selectable fields whatever they lead to', () => {
  const next = definition({}, { a: { type: 'object', 'x-kubernetes-preserve-unknown-fields': false } });
  const [version] = next.spec.versions;
  Object.assign(version as object, { selectableFields: [{ jsonPath: 'x' }, { jsonPath: '.spec.a' }] });
  const errors = definitionErrors(next).map(({ field, message }) => [field, message]);
  expect(errors).toContainEqual([
    'spec.schema.openAPIV3Schema',
    'Invalid value: "": internal error: \'x-kubernetes-preserve-unknown-fields\' must be true or undefined',
  ]);
  expect(errors.filter(([field]) => field?.includes('selectableFields'))).toEqual([
    ['spec.selectableFields[0].jsonPath', 'Invalid value: "x": is an invalid path: expected [ or . but got: x'],
  ]);
});
