import fc from 'fast-check';
import { expect, test } from 'vitest';
import { decodeObject } from './decode.ts';
import { decodeProtobuf } from './decode-protobuf.ts';
import { encodeProtobuf } from './encode-protobuf.ts';
import type { FieldSchema, ObjectSchema } from './schema.ts';
import { schemaFor } from './schema.ts';

async function throughProtobuf(schema: ObjectSchema, value: object): Promise<object> {
  const { object } = decodeObject(schema, value);
  const bytes = (await encodeProtobuf(object as { apiVersion: string; kind: string })) as Uint8Array;
  return decodeObject(schema, (await decodeProtobuf(bytes)).object).object;
}

/** Values of a field's type, down to some depth; maps and lists have an entry, since protobuf knows no empty ones. */
function aValue({ type, struct, element }: FieldSchema, depth: number): fc.Arbitrary<unknown> {
  switch (type) {
    case 'struct':
      return depth > 0 ? objectOf(struct as ObjectSchema, depth - 1) : fc.constant({});
    case 'list':
      return fc.array(aValue(element as FieldSchema, depth), { minLength: 1, maxLength: 2 });
    case 'map':
      return fc.dictionary(text, aValue(element as FieldSchema, depth), { minKeys: 1, maxKeys: 3 });
    case 'boolean':
      return fc.boolean();
    case 'int32':
      return fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 });
    case 'int64':
      return fc.maxSafeInteger();
    case 'double':
      return fc.double({ noNaN: true, noDefaultInfinity: true });
    case 'bytes':
      return fc.uint8Array({ minLength: 1 }).map((bytes) => Buffer.from(bytes).toString('base64'));
    case 'time':
      return fc.constantFrom('2026-01-01T00:00:00Z', '1969-12-31T23:59:59Z', '9999-12-31T23:59:59Z');
    case 'microTime':
      return fc.constantFrom('2026-01-01T00:00:00.000001Z', '1969-12-31T23:59:59.999999Z');
    case 'quantity':
      return fc.constantFrom('0', '1500m', '1Gi', '-3', '1e3');
    case 'intOrString':
      return fc.oneof(fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 }), text);
    case 'any':
      return fc.dictionary(text, fc.oneof(text, fc.integer(), fc.boolean()));
    default:
      return text;
  }
}

const text = fc.oneof(
  fc.string(),
  fc.string({ unit: 'grapheme' }),
  fc.constantFrom('__proto__', 'constructor', 'ﬀ', '😀', '\0'),
);

function objectOf(schema: ObjectSchema, depth: number): fc.Arbitrary<Record<string, unknown>> {
  const fields = [...schema.fields].filter(([name]) => name !== 'kind' && name !== 'apiVersion');
  return fc
    .subarray(fields, { maxLength: Math.min(6, fields.length) })
    .chain((some) => fc.record(Object.fromEntries(some.map(([name, field]) => [name, aValue(field, depth)]))));
}

test('whatever an object of a kind has comes back from protobuf', async () => {
  for (const [group, version, kind] of [
    ['', 'v1', 'Pod'],
    ['', 'v1', 'Secret'],
    ['apps', 'v1', 'StatefulSet'],
    ['coordination.k8s.io', 'v1', 'Lease'],
    ['networking.k8s.io', 'v1', 'NetworkPolicy'],
    ['flowcontrol.apiserver.k8s.io', 'v1', 'FlowSchema'],
    ['apiregistration.k8s.io', 'v1', 'APIService'],
  ] as const) {
    const schema = schemaFor(group, version, kind) as ObjectSchema;
    const apiVersion = group === '' ? version : `${group}/${version}`;
    await fc.assert(
      fc.asyncProperty(objectOf(schema, 4), async (fields) => {
        const value = { kind, apiVersion, ...fields };
        const read = await throughProtobuf(schema, value);
        // What Go writes though it is empty is there as well.
        expect(read).toMatchObject(decodeObject(schema, value).object);
        expect(await throughProtobuf(schema, read)).toEqual(read);
      }),
      { numRuns: 40, seed: 20_261_121 },
    );
  }
});

test('a definition’s schemas, and what stands in their place, come back', async () => {
  const schema = schemaFor('apiextensions.k8s.io', 'v1', 'CustomResourceDefinition') as ObjectSchema;
  const openAPIV3Schema = {
    type: 'object',
    $schema: 'x',
    properties: {
      list: {
        type: 'array',
        items: { type: 'object', properties: { a: { type: 'string', default: { b: [1, null] } } } },
      },
      lists: { type: 'array', items: [{ type: 'string' }, {}] },
      open: { type: 'object', additionalProperties: true, 'x-kubernetes-preserve-unknown-fields': true },
      closed: { type: 'object', additionalProperties: false },
      typed: { type: 'object', additionalProperties: { type: 'integer', enum: [1, null, 'x'] } },
      dependent: { dependencies: { a: ['b'], c: { type: 'string' } } },
      int: { 'x-kubernetes-int-or-string': true, 'x-kubernetes-validations': [{ rule: 'true' }] },
    },
  };
  const names = { plural: 'foos', kind: 'Foo' };
  const versions = [{ name: 'v1', served: true, storage: true, schema: { openAPIV3Schema } }];
  const definition = {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: 'foos.example.com' },
    spec: { group: 'example.com', scope: 'Namespaced', names, versions },
    status: { acceptedNames: names },
  };
  expect(await throughProtobuf(schema, definition)).toEqual(decodeObject(schema, definition).object);
});

test('a kind that has no protobuf form has none', async () => {
  expect(await encodeProtobuf({ apiVersion: 'example.com/v1', kind: 'Foo' })).toBeUndefined();
});
