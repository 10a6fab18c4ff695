import { expect, test } from 'vitest';
import { mergeSwagger } from './merge-swagger.ts';
import { readableDocument } from './readable-swagger.ts';
import { doSchemaWork, type RemoteDocument } from './schema-work.ts';
import { swaggerToV3 } from './swagger-to-v3.ts';

const path = '/apis/a.example.com/v1/things';
const ref = (name: string) => ({ $ref: `#/definitions/${name}` });
const own = {
  swagger: '2.0',
  info: { title: 'K', version: '1' },
  paths: { '/apis/x/': 1 },
  definitions: { Shared: { type: 'object' } },
};

function remote(value: unknown): RemoteDocument {
  const bytes = Buffer.from(typeof value === 'string' ? value : JSON.stringify(value));
  return { group: 'a.example.com', version: 'v1', bytes };
}

function document(definitions: object, schema: object = ref('Thing')) {
  return { paths: { [path]: { get: { responses: { 200: { schema } } } } }, definitions };
}

test('a definition that another one has the name of gets a number, and what refers to it follows', () => {
  const first = remote(document({ Thing: { properties: { a: ref('Shared') } }, Shared: { type: 'string' } }));
  const second = remote(document({ Thing: { type: 'integer' }, Unused: {} }));
  const { paths, definitions } = mergeSwagger(own, [first, second]);
  expect(definitions).toEqual({
    Shared: { type: 'object' },
    Shared_v2: { type: 'string' },
    Thing: { properties: { a: ref('Shared_v2') } },
    Thing_v2: { type: 'integer' },
  });
  expect(Object.keys(paths)).toEqual(['/apis/x/', path]);
});

test('the same definition is there once, and definitions may refer to themselves', () => {
  const same = remote(
    document({ Thing: { properties: { self: ref('Thing'), shared: ref('Shared') } }, Shared: { type: 'object' } }),
  );
  const { definitions } = mergeSwagger(own, [same, same]);
  expect(Object.keys(definitions)).toEqual(['Shared', 'Thing']);
});

const deep = `{"paths":{"${path}":${'{"a":'.repeat(100_000)}1${'}'.repeat(100_000)}},"definitions":{}}`;

test.each<[string, unknown]>([
  ['no JSON', '{"paths":'],
  ['a list', []],
  ['null', 'null'],
  ['paths that are none', { paths: 'x', definitions: [] }],
  ['depth without end', deep],
])('a document that is %s is left out, and nobody else suffers', (_, value) => {
  expect(mergeSwagger(own, [remote(value), remote(document({ Thing: {} }))]).definitions).toHaveProperty('Thing');
});

test('names that mean something to JavaScript are names', () => {
  const value = `{"paths":{"${path}":{"get":${JSON.stringify(ref('__proto__'))}}},"definitions":{"__proto__":{"type":"object"}}}`;
  const merged = mergeSwagger(own, [remote(value)]);
  expect(Object.keys(merged.definitions)).toEqual(['Shared', '__proto__']);
  expect(JSON.stringify(merged)).toContain('"__proto__":{"type":"object"}');
});

test('the protobuf form takes what it has room for of any document', () => {
  const odd = {
    type: ['string'],
    required: 'x',
    properties: { a: 1, b: { items: [], additionalProperties: true } },
    'x-a': { b: [1] },
  };
  const item = {
    get: 1,
    patch: { parameters: [null, { in: 'query' }, { in: 'query', name: 'q' }, { in: 'path', name: 'p' }], 'x-k': 'v' },
  };
  const known = readableDocument({ info: 'x', paths: { [path]: item, '/a': 1 }, definitions: { Odd: odd, None: 7 } });
  expect(known).toEqual({
    swagger: '2.0',
    info: { title: '', version: '' },
    paths: {
      [path]: { patch: { parameters: [{ name: 'q', in: 'query', type: 'string' }], responses: {}, 'x-k': 'v' } },
    },
    definitions: { Odd: { properties: { b: {} }, 'x-a': { b: [1] } } },
  });
  const { body, hash } = doSchemaWork({
    type: 'merge',
    own: Buffer.from(JSON.stringify(own)),
    remotes: [],
    as: 'protobuf',
  });
  expect([Buffer.from(body).toString('latin1').includes('Shared'), hash.length]).toEqual([true, 128]);
});

test('what is no document makes no document of v3', () => {
  expect(() => swaggerToV3(remote('[]'))).toThrow('it is no OpenAPI v2 document');
});
