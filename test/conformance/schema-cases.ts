type Json = Record<string, unknown>;

const string = { type: 'string' };
const integer = { type: 'integer' };
const keep = { 'x-kubernetes-preserve-unknown-fields': true };
const embedded = { type: 'object', 'x-kubernetes-embedded-resource': true };
const mapList = (more: Json = {}, item: Json = {}) => ({
  type: 'array',
  'x-kubernetes-list-type': 'map',
  'x-kubernetes-list-map-keys': ['name'],
  items: { type: 'object', required: ['name'], properties: { name: string, value: integer }, ...item },
  ...more,
});

/** Schemas of `spec`, good and bad. */
export const specSchemas: Readonly<Record<string, unknown>> = {
  untyped: {},
  'unknown type': { type: 'map' },
  'null type': { type: 'null' },
  'array without items': { type: 'array' },
  'array of schemas': { type: 'array', items: [string] },
  'untyped items': { type: 'array', items: {} },
  ref: { $ref: '#/definitions/x' },
  'empty ref': { type: 'object', $ref: '' },
  id: { type: 'object', id: 'x' },
  definitions: { type: 'object', definitions: { a: string } },
  dependencies: { type: 'object', dependencies: { a: ['b'] } },
  patternProperties: { type: 'object', patternProperties: { a: string } },
  additionalItems: { type: 'array', items: string, additionalItems: true },
  uniqueItems: { type: 'array', items: string, uniqueItems: true },
  'properties and additionalProperties': { type: 'object', properties: { a: string }, additionalProperties: string },
  'properties and no others': { type: 'object', properties: { a: string }, additionalProperties: false },
  'properties and any others': { type: 'object', properties: { a: string }, additionalProperties: true },
  'preserve false': { type: 'object', 'x-kubernetes-preserve-unknown-fields': false },
  'type in anyOf': { type: 'object', properties: { a: { anyOf: [string, integer] } } },
  'int or string': { 'x-kubernetes-int-or-string': true },
  'int or string in full': { 'x-kubernetes-int-or-string': true, anyOf: [integer, string] },
  'int or string in allOf': {
    'x-kubernetes-int-or-string': true,
    allOf: [{ anyOf: [integer, string] }, { pattern: 'a' }],
  },
  'int or string the other way': { 'x-kubernetes-int-or-string': true, anyOf: [string, integer] },
  'int or string that keeps': { 'x-kubernetes-int-or-string': true, ...keep },
  'int or string embedded': { 'x-kubernetes-int-or-string': true, 'x-kubernetes-embedded-resource': true },
  'embedded without type': { 'x-kubernetes-embedded-resource': true, ...keep },
  'embedded string': { ...string, 'x-kubernetes-embedded-resource': true },
  'embedded without properties': embedded,
  'embedded map': { ...embedded, additionalProperties: string },
  'embedded with metadata': {
    ...embedded,
    properties: { metadata: { type: 'object', properties: { name: { ...string, default: 'a' } } } },
  },
  'embedded with wrong kind': { ...embedded, properties: { kind: integer, apiVersion: integer, metadata: string } },
  'embedded in metadata': { ...embedded, properties: { metadata: { ...embedded, properties: { a: string } } } },
  'junctor of what is not there': {
    type: 'object',
    anyOf: [{ required: ['a'] }, { properties: { b: { minimum: 1 } } }],
  },
  'junctor with forbidden': {
    type: 'object',
    properties: { a: string },
    allOf: [
      {
        type: 'object',
        title: 't',
        description: 'd',
        nullable: true,
        default: {},
        additionalProperties: true,
        ...keep,
        'x-kubernetes-embedded-resource': true,
        'x-kubernetes-int-or-string': true,
        'x-kubernetes-list-map-keys': ['a'],
        'x-kubernetes-list-type': 'map',
        'x-kubernetes-map-type': 'atomic',
        properties: { metadata: {} },
      },
    ],
    not: { type: 'object' },
  },
  'bad pattern': { ...string, pattern: '(' },
  'look behind': { ...string, pattern: '(?<!a)b' },
  'map type of a string': { ...string, 'x-kubernetes-map-type': 'atomic' },
  'map type without type': { ...keep, 'x-kubernetes-map-type': 'atomic' },
  'unknown map type': { type: 'object', 'x-kubernetes-map-type': 'other' },
  'list type of a string': { ...string, 'x-kubernetes-list-type': 'set' },
  'list type without type': { ...keep, 'x-kubernetes-list-type': 'set' },
  'unknown list type': { type: 'array', items: string, 'x-kubernetes-list-type': 'other' },
  'set of objects': { type: 'array', items: { type: 'object' }, 'x-kubernetes-list-type': 'set' },
  'set of atomic objects': {
    type: 'array',
    items: { type: 'object', 'x-kubernetes-map-type': 'atomic' },
    'x-kubernetes-list-type': 'set',
  },
  'set of sets': {
    type: 'array',
    items: { type: 'array', items: string, 'x-kubernetes-list-type': 'set' },
    'x-kubernetes-list-type': 'set',
  },
  'set of nullables': { type: 'array', items: { ...string, nullable: true }, 'x-kubernetes-list-type': 'set' },
  'map list': mapList(),
  'map list without keys': mapList({ 'x-kubernetes-list-map-keys': [] }),
  'map list of strings': mapList({ items: string }),
  'map list with unknown key': mapList({ 'x-kubernetes-list-map-keys': ['other'] }),
  'map list with a key twice': mapList({ 'x-kubernetes-list-map-keys': ['name', 'name'] }),
  'map list with optional key': mapList({}, { required: [] }),
  'map list with nullable key': mapList({}, { properties: { name: { ...string, nullable: true } } }),
  'map list with object key': mapList({}, { properties: { name: { type: 'object' } } }),
  'map list of nullables': mapList({}, { nullable: true }),
  'keys without list type': { type: 'array', items: { type: 'object' }, 'x-kubernetes-list-map-keys': ['a'] },
  'keys of a set': {
    type: 'array',
    items: string,
    'x-kubernetes-list-type': 'set',
    'x-kubernetes-list-map-keys': ['a'],
  },
  'wrong default': {
    type: 'object',
    properties: { a: { ...integer, default: 'x' }, b: { ...integer, minimum: 3, default: 1 } },
  },
  'unpruned default': { type: 'object', properties: { a: { type: 'object', default: { x: 1 } } } },
  'default below additionalProperties': {
    type: 'object',
    additionalProperties: { type: 'object', properties: { a: { ...string, default: 'x' } } },
  },
  'duplicate default': mapList({ default: [{ name: 'a' }, { name: 'a' }] }),
  'embedded default': { ...embedded, ...keep, default: { kind: 'x', apiVersion: 'v1', metadata: { name: 5 } } },
  'embedded default without kind': { ...embedded, ...keep, default: { metadata: {} } },
  'nullable default': { ...string, nullable: true, default: null },
};

/** Changes of a whole definition. */
export const definitionChanges: Readonly<Record<string, (crd: { spec: Json; metadata: Json }) => void>> = {
  'no group': ({ spec }) => Object.assign(spec, { group: '' }),
  'group without dot': ({ spec }) => Object.assign(spec, { group: 'group' }),
  'bad group': ({ spec }) => Object.assign(spec, { group: 'A..b' }),
  'no scope': ({ spec }) => Object.assign(spec, { scope: '' }),
  'bad scope': ({ spec }) => Object.assign(spec, { scope: 'World' }),
  'no names': ({ spec }) => Object.assign(spec, { names: { plural: '', kind: '' } }),
  'bad names': ({ spec }) =>
    Object.assign(spec, {
      names: {
        plural: 'Foos',
        singular: 'f_o',
        kind: 'F/oo',
        listKind: '..',
        shortNames: ['', 'OK'],
        categories: ['A'],
      },
    }),
  'one kind': ({ spec }) => Object.assign(spec, { names: { plural: 'foos', kind: 'Foo', listKind: 'Foo' } }),
  'path as plural': ({ spec, metadata }) => {
    Object.assign(spec, { names: { plural: '../foos', kind: 'Foo' } });
    metadata['name'] = '../foos.stable.example.com';
  },
  'no versions': ({ spec }) => Object.assign(spec, { versions: [] }),
  'webhook without anything': ({ spec }) => Object.assign(spec, { conversion: { strategy: 'Webhook' } }),
  'bad strategy': ({ spec }) => Object.assign(spec, { conversion: { strategy: 'Other' } }),
  'webhook with none': ({ spec }) =>
    Object.assign(spec, {
      conversion: {
        strategy: 'None',
        webhook: { clientConfig: { url: 'https://a' }, conversionReviewVersions: ['v1'] },
      },
    }),
  'bad url': ({ spec }) =>
    Object.assign(spec, {
      conversion: {
        strategy: 'Webhook',
        webhook: { clientConfig: { url: 'http://u:p@a/b?c#d' }, conversionReviewVersions: ['v1', 'v1', 'V!'] },
      },
    }),
  'bad service': ({ spec }) =>
    Object.assign(spec, {
      conversion: {
        strategy: 'Webhook',
        webhook: {
          clientConfig: { service: { name: '', namespace: '', path: 'a//B', port: 0 } },
          conversionReviewVersions: ['v2'],
        },
      },
    }),
  'two storages': (crd) => versions(crd, [{}, { name: 'v2', storage: true }]),
  'one name twice': (crd) => versions(crd, [{}, { storage: false }]),
  'no storage': (crd) => versions(crd, [{ storage: false }]),
  'bad version name': (crd) => versions(crd, [{ name: 'V1.0' }]),
  'no schema': (crd) => versions(crd, [{ schema: undefined }]),
  'deprecation of what is not': (crd) => versions(crd, [{ deprecationWarning: 'x' }]),
  'empty deprecation': (crd) => versions(crd, [{ deprecated: true, deprecationWarning: '' }]),
  'bad columns': (crd) =>
    versions(crd, [
      {
        additionalPrinterColumns: [
          { name: '', type: '', jsonPath: '' },
          { name: 'a', type: 'x', format: 'y', jsonPath: 'z' },
        ],
      },
    ]),
  'bad scale': (crd) =>
    versions(crd, [
      { subresources: { scale: { specReplicasPath: '', statusReplicasPath: 'x', labelSelectorPath: '.other' } } },
    ]),
  'scale elsewhere': (crd) =>
    versions(crd, [{ subresources: { scale: { specReplicasPath: '.status.a', statusReplicasPath: '.spec.a' } } }]),
  'selectable fields': (crd) =>
    versions(crd, [
      {
        schema: {
          openAPIV3Schema: {
            type: 'object',
            properties: {
              metadata: { type: 'object', properties: { name: string } },
              spec: { type: 'object', properties: { a: string, b: { type: 'object' } } },
            },
          },
        },
        selectableFields: ['', 'x', '.spec.b', '.spec.c', '.spec.a', '.spec.a', '.spec[0]', '.metadata.name'].map(
          (jsonPath) => ({ jsonPath }),
        ),
      },
    ]),
  'different schemas': (crd) =>
    versions(crd, [
      { schema: schemaOf({ type: 'map' }) },
      { name: 'v2', storage: false, schema: schemaOf({ type: 'list' }) },
    ]),
  'status with too much at the root': (crd) =>
    versions(crd, [
      {
        subresources: { status: {} },
        schema: { openAPIV3Schema: { type: 'object', properties: { a: string }, anyOf: [{ required: ['a'] }] } },
      },
    ]),
  'nullable root': (crd) => versions(crd, [{ schema: { openAPIV3Schema: { type: 'object', nullable: true } } }]),
  'root of a string': (crd) => versions(crd, [{ schema: { openAPIV3Schema: string } }]),
  'root map': (crd) =>
    versions(crd, [{ schema: { openAPIV3Schema: { type: 'object', additionalProperties: string } } }]),
  'defaults in metadata': (crd) =>
    versions(crd, [
      {
        schema: {
          openAPIV3Schema: {
            type: 'object',
            properties: {
              metadata: { type: 'object', properties: { name: { ...string, default: 'x' } } },
              kind: { ...string, default: 'y' },
            },
          },
        },
      },
    ]),
  'restricted metadata': (crd) =>
    versions(crd, [
      {
        schema: {
          openAPIV3Schema: {
            type: 'object',
            properties: { metadata: { type: 'object', properties: { labels: { type: 'object' } } } },
          },
        },
      },
    ]),
  'restricted name': (crd) =>
    versions(crd, [
      {
        schema: {
          openAPIV3Schema: {
            type: 'object',
            properties: { metadata: { type: 'object', properties: { name: { ...string, maxLength: 3 } } } },
          },
        },
      },
    ]),
  preserving: ({ spec }) => Object.assign(spec, { preserveUnknownFields: true }),
  'protected group': ({ spec, metadata }) => {
    Object.assign(spec, { group: 'stable.k8s.io' });
    metadata['name'] = 'foos.stable.k8s.io';
  },
  'protected group, approved wrongly': ({ spec, metadata }) => {
    Object.assign(spec, { group: 'stable.k8s.io' });
    Object.assign(metadata, { name: 'foos.stable.k8s.io', annotations: { 'api-approved.kubernetes.io': 'yes' } });
  },
};

function schemaOf(spec: unknown): Json {
  return { openAPIV3Schema: { type: 'object', properties: { spec } } };
}

function versions({ spec }: { spec: Json }, changes: readonly Json[]): void {
  const [base] = spec['versions'] as Json[];
  spec['versions'] = changes.map((change) => ({ ...base, ...change }));
}

export function aDefinition(spec: unknown = { type: 'object' }): {
  apiVersion: string;
  kind: string;
  metadata: Json;
  spec: Json;
} {
  return {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: 'foos.stable.example.com' },
    spec: {
      group: 'stable.example.com',
      scope: 'Namespaced',
      names: { plural: 'foos', kind: 'Foo' },
      versions: [{ name: 'v1', served: true, storage: true, schema: schemaOf(spec) }],
    },
  };
}

const formatted = [
  '',
  'a',
  '2026-11-21',
  '2026-02-30',
  '2026-13-01',
  '2026-11-21T10:00:00Z',
  '2026-11-21t10:00:00.5+02:00',
  '2026-11-21T25:00:00Z',
  '5m',
  '1h30m',
  '2 days',
  '1.5',
  '-5s',
  '123e4567-e89b-12d3-a456-426614174000',
  '123E4567-E89B-42D3-A456-426614174000',
  '123e4567e89b12d3a456426614174000',
  '10.0.0.1',
  '010.0.0.1',
  '256.1.1.1',
  '::1',
  '::ffff:1.2.3.4',
  'fe80::1%eth0',
  '10.0.0.0/8',
  '10.0.0.1/33',
  '::/0',
  '00:11:22:33:44:55',
  '00-11-22-33-44-55',
  '0011.2233.4455',
  'a@b.c',
  'A <a@b.c>',
  'a@',
  'example.com',
  '-a.b',
  'localhost',
  'a_b',
  'https://a/b?c',
  '/path',
  'a b',
  'mailto:x',
  'aGVsbG8=',
  'aGVsbG8',
  '0-306-40615-2',
  '978-3-16-148410-0',
  '4111 1111 1111 1111',
  '4111111111111112',
  '123-45-6789',
  '#fff',
  '#ggg',
  'rgb(1,2,3)',
  'rgb(256,0,0)',
  '507f1f77bcf86cd799439011',
  'a-b',
  'A-B',
  'a.b',
  '-',
  `${'a'.repeat(63)}.com`,
  `${'a'.repeat(64)}.com`,
];

/** Values of `spec` by schemas of it; what follows a value is what it was before. */
export const specValues: readonly (readonly [
  name: string,
  schema: unknown,
  values: readonly unknown[],
  before?: unknown,
])[] = [
  [
    'integers',
    { ...integer, minimum: 2, maximum: 9, multipleOf: 3 },
    [3, 4, 1, 12, 3.5, '3', true, null, {}, [], 1e30],
  ],
  [
    'exclusive limits',
    { type: 'number', minimum: 0, exclusiveMinimum: true, maximum: 1, exclusiveMaximum: true },
    [0, 0.5, 1, 1e-5, -1],
  ],
  ['fractions of limits', { ...integer, minimum: 1.5, maximum: 2.5 }, [1, 2, 3]],
  ['numbers', { type: 'number', multipleOf: 0.1 }, [0.3, 0.35, 3, 'x']],
  [
    'strings',
    { ...string, minLength: 2, maxLength: 4, pattern: '^[a-c]+$' },
    ['ab', 'a', 'abcab', 'xyz', 5, null, 'ääää'],
  ],
  ['nullable strings', { ...string, nullable: true, enum: ['a', 'b'] }, [null, 'a', 'c']],
  ['enums', { enum: ['a', 1, true, { x: 1 }], ...keep }, ['a', 1, true, { x: 1 }, 'b', 2, { x: 2 }]],
  ['booleans', { type: 'boolean' }, [true, 'true', 0]],
  ['lists', { type: 'array', minItems: 1, maxItems: 2, items: integer }, [[1], [], [1, 2, 3], ['a', 1], {}]],
  [
    'objects',
    {
      type: 'object',
      required: ['a', 'c'],
      minProperties: 1,
      maxProperties: 2,
      properties: { a: string, b: integer, c: keep },
    },
    [{ a: 'x', c: 1 }, {}, { a: 1, b: 'x', c: 2 }, 'x', [], null],
  ],
  [
    'maps',
    { type: 'object', additionalProperties: { ...integer, maximum: 3 } },
    [{ a: 1 }, { a: 5, b: 'x' }, { a: null }],
  ],
  ['any maps', { type: 'object', additionalProperties: true }, [{ a: 1, b: { c: 2 } }]],
  ['no others', { type: 'object', additionalProperties: false }, [{}, { a: 1 }]],
  [
    'anyOf',
    {
      type: 'object',
      properties: { a: string, b: integer },
      anyOf: [{ required: ['a'] }, { required: ['b'], properties: { b: { minimum: 5 } } }],
    },
    [{ a: 'x' }, { b: 5 }, { b: 1 }, {}],
  ],
  [
    'oneOf',
    { type: 'object', properties: { a: string, b: integer }, oneOf: [{ required: ['a'] }, { required: ['b'] }] },
    [{ a: 'x' }, { a: 'x', b: 1 }, {}],
  ],
  [
    'allOf',
    { type: 'object', properties: { a: string, b: integer }, allOf: [{ required: ['a'] }, { required: ['b'] }] },
    [{ a: 'x', b: 1 }, { a: 'x' }, {}],
  ],
  ['not', { type: 'object', properties: { a: string }, not: { required: ['a'] } }, [{}, { a: 'x' }]],
  ['int or string', { 'x-kubernetes-int-or-string': true }, [1, 'x', 1.5, null, {}]],
  [
    'int or string with pattern',
    { 'x-kubernetes-int-or-string': true, anyOf: [integer, string], pattern: '^[0-9]+%$' },
    [1, '10%', 'x'],
  ],
  [
    'sets',
    { type: 'array', items: string, 'x-kubernetes-list-type': 'set' },
    [
      ['a', 'b'],
      ['a', 'b', 'a', 'a', 'b'],
    ],
  ],
  [
    'map lists',
    mapList(),
    [
      [{ name: 'a' }, { name: 'b' }],
      [{ name: 'a' }, { name: 'a' }, { name: 'a' }],
      [{ value: 1 }, { value: 2 }],
      ['x'],
    ],
  ],
  [
    'map lists with several keys',
    mapList({ 'x-kubernetes-list-map-keys': ['name', 'value'] }),
    [
      [
        { name: 'a', value: 1 },
        { name: 'a', value: 2 },
      ],
      [
        { name: 'a', value: 1 },
        { name: 'a', value: 1 },
      ],
    ],
  ],
  [
    'embedded',
    { ...embedded, ...keep },
    [
      { kind: 'A', apiVersion: 'v1' },
      {},
      { kind: 5, apiVersion: '' },
      { kind: 'a b', apiVersion: 'a/b/c', metadata: { name: '..', labels: { 'a b': '-' } } },
      { kind: 'A', apiVersion: 'v1', metadata: { name: 5 } },
    ],
  ],
  [
    'unknown fields',
    {
      type: 'object',
      properties: {
        a: { type: 'object', properties: { b: string } },
        c: { ...keep, type: 'object', properties: { d: { type: 'object', properties: { e: string } } } },
      },
    },
    [{ a: { b: 'x', y: 1 }, z: [1], c: { x: 1, d: { e: 'e', f: 1 } } }],
  ],
  [
    'defaults',
    {
      type: 'object',
      properties: {
        a: { ...string, default: 'x' },
        b: { ...integer, nullable: true, default: 3 },
        c: { type: 'array', items: { type: 'object', properties: { d: { ...string, default: 'y' } } } },
        e: { type: 'object', default: {}, properties: { f: { type: 'boolean', default: true } } },
      },
    },
    [{}, { a: null, b: null, c: [{}, { d: 'z' }, null] }],
  ],
  ['nulls', { type: 'object', properties: { a: string, b: { ...string, nullable: true } } }, [{ a: null, b: null }]],
  ...[
    'date',
    'date-time',
    'duration',
    'uuid',
    'uuid4',
    'ipv4',
    'ipv6',
    'cidr',
    'mac',
    'email',
    'hostname',
    'uri',
    'byte',
    'isbn',
    'creditcard',
    'ssn',
    'hexcolor',
    'rgbcolor',
    'bsonobjectid',
    'password',
    'k8s-short-name',
    'k8s-long-name',
    'made-up',
    'int32',
  ].map((format) => [`format ${format}`, { ...string, format }, formatted] as const),
  ['int32', { ...integer, format: 'int32' }, [1, 2 ** 40, 1.5, 'x']],
  ['double', { type: 'number', format: 'double' }, [1, 1.5, 'x']],
  [
    'what was wrong stays',
    { type: 'object', properties: { a: integer, b: { ...string, maxLength: 1 }, list: mapList() } },
    [
      { a: 'x', b: 'long', list: [{ name: 'a', value: 'x' }] },
      { a: 'y', b: 'long' },
      {
        a: 'x',
        list: [
          { name: 'b', value: 'x' },
          { name: 'a', value: 'x' },
        ],
      },
    ],
    { a: 'x', b: 'long', list: [{ name: 'a', value: 'x' }] },
  ],
  [
    'junctors of what was wrong',
    { type: 'object', properties: { a: integer }, anyOf: [{ required: ['b'] }, { properties: { a: { minimum: 5 } } }] },
    [{ a: 1 }, { a: 2 }],
    { a: 1 },
  ],
];
