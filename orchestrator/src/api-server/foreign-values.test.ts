import { encodeProtobuf } from '@berth/kube';
import { expect, test } from 'vitest';
import { foreignValues } from './foreign-values.ts';
import { definitions } from './resources/definitions.ts';

const foreign = foreignValues(definitions);
const bytes = (text: string) => new TextEncoder().encode(text);
const read = async (value: Uint8Array) => new TextDecoder().decode(await foreign(value));

test.each([
  ['an object of ours', '{"kind":"ConfigMap","apiVersion":"v1","metadata":{"name":"a"}}'],
  ['an encrypted object', 'k8s:enc:aesgcm:v1:key1:\u0001\u0002'],
  ['nothing', ''],
])('%s is as it is', (_, value) => {
  expect(foreign(bytes(value))).toBeUndefined();
});

test.each([
  [
    'JSON with the end of a line',
    '{"kind":"ConfigMap","apiVersion":"v1","metadata":{"name":"n","creationTimestamp":null},"data":{"a":"1"}}\n',
    '{"kind":"ConfigMap","apiVersion":"v1","metadata":{"name":"n"},"data":{"a":"1"}}',
  ],
  [
    'a custom resource with its fields in order of their names',
    '{"apiVersion":"example.com/v1","kind":"Foo","metadata":{"name":"f","resourceVersion":"3"},"spec":{"z":1,"a":2}}\n',
    '{"kind":"Foo","apiVersion":"example.com/v1","metadata":{"name":"f"},"spec":{"z":1,"a":2}}',
  ],
  ['what is no object', '{"a":1}\n', '{"a":1}\n'],
  ['what is no JSON', '{', '{'],
])('%s', async (_, value, expected) => {
  expect(await read(bytes(value))).toBe(expected);
});

test('protobuf is read as it would have been written here', async () => {
  const pod = {
    kind: 'Pod',
    apiVersion: 'v1',
    metadata: { name: 'p', namespace: 'default', uid: 'u', creationTimestamp: '2026-01-01T00:00:00Z' },
    spec: { containers: [{ name: 'c', image: 'i', resources: { limits: { cpu: '100m' } } }] },
    status: {},
  };
  const value = (await encodeProtobuf(pod)) as Uint8Array;
  expect([...value.subarray(0, 4)]).toEqual([...bytes('k8s\0')]);
  const own = await read(value);
  expect(own.startsWith('{"kind":"Pod","apiVersion":"v1","metadata":{')).toBe(true);
  expect(JSON.parse(own)).toMatchObject(pod);
});

test.each([
  [
    'an older version',
    'admissionregistration.k8s.io/v1beta1',
    'MutatingAdmissionPolicy',
    'admissionregistration.k8s.io/v1',
  ],
  ['the version it is stored in', 'batch/v1', 'Job', 'batch/v1'],
])('an object in %s gets the version it is stored in here', async (_, apiVersion, kind, expected) => {
  const value = JSON.stringify({ kind, apiVersion, metadata: { name: 'x' }, spec: {} });
  expect(JSON.parse(await read(bytes(`${value}\n`)))).toMatchObject({
    kind,
    apiVersion: expected,
    metadata: { name: 'x' },
  });
});

test('a definition is kept in v1beta1 by kube-apiserver, with what all versions share said once', async () => {
  const schema = { openAPIV3Schema: { type: 'object', properties: { spec: { type: 'object' } } } };
  const clientConfig = { url: 'https://convert.example.com', caBundle: 'Cg==' };
  const beta = {
    kind: 'CustomResourceDefinition',
    apiVersion: 'apiextensions.k8s.io/v1beta1',
    metadata: { name: 'foos.example.com' },
    spec: {
      group: 'example.com',
      version: 'v1',
      names: { plural: 'foos', singular: 'foo', kind: 'Foo', listKind: 'FooList' },
      scope: 'Namespaced',
      validation: schema,
      subresources: { status: {} },
      versions: [
        { name: 'v1', served: true, storage: true },
        {
          name: 'v2',
          served: true,
          storage: false,
          additionalPrinterColumns: [{ name: 'A', type: 'string', JSONPath: '.spec.a' }],
        },
      ],
      conversion: { strategy: 'Webhook', webhookClientConfig: clientConfig, conversionReviewVersions: ['v1'] },
      preserveUnknownFields: false,
    },
    status: { conditions: [], acceptedNames: { plural: 'foos', kind: 'Foo' }, storedVersions: ['v1'] },
  };
  expect(JSON.parse(await read(bytes(`${JSON.stringify(beta)}\n`)))).toMatchObject({
    apiVersion: 'apiextensions.k8s.io/v1',
    spec: {
      group: 'example.com',
      versions: [
        { name: 'v1', served: true, storage: true, schema, subresources: { status: {} } },
        {
          name: 'v2',
          schema,
          subresources: { status: {} },
          additionalPrinterColumns: [{ name: 'A', type: 'string', jsonPath: '.spec.a' }],
        },
      ],
      conversion: { strategy: 'Webhook', webhook: { clientConfig, conversionReviewVersions: ['v1'] } },
    },
    status: { storedVersions: ['v1'] },
  });
  const oldest = { ...beta, spec: { ...beta.spec, versions: undefined, conversion: { strategy: 'None' } } };
  expect(JSON.parse(await read(bytes(`${JSON.stringify(oldest)}\n`)))).toMatchObject({
    spec: { versions: [{ name: 'v1', served: true, storage: true, schema }], conversion: { strategy: 'None' } },
  });
});

test('what kube-apiserver makes of an object when it reads it is made here too', async () => {
  const claim = { kind: 'PersistentVolumeClaim', apiVersion: 'v1', metadata: { name: 'c', namespace: 'n' }, spec: {} };
  const own = await read((await encodeProtobuf(claim)) as Uint8Array);
  expect(JSON.parse(own)).toMatchObject({ spec: { volumeMode: 'Filesystem' }, status: { phase: 'Pending' } });
});

test.each(['k8s\0', 'k8s\0 and more', `k8s\0${'\xff'.repeat(40)}`])(
  'damaged protobuf %j is left alone',
  async (value) => {
    expect(await foreign(Buffer.from(value, 'latin1'))).toEqual(new Uint8Array(Buffer.from(value, 'latin1')));
  },
);
