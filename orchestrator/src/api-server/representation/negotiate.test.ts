import { expect, test, vi } from 'vitest';
import { aggregatedFormOf, negotiate, plainFormatOf, protobufMedia } from './negotiate.ts';

const json = { format: 'json', as: undefined, version: 'v1' };

test.each([
  [undefined, json],
  ['*/*', json],
  ['application/vnd.kubernetes.protobuf,application/json', json],
  ['application/vnd.kubernetes.protobuf', { ...json, format: 'protobuf' }],
  ['application/vnd.kubernetes.protobuf, text/*', { ...json, format: 'protobuf' }],
  [
    'application/vnd.kubernetes.protobuf;as=PartialObjectMetadata;v=v1;g=meta.k8s.io',
    { format: 'protobuf', as: 'PartialObjectMetadata', version: 'v1' },
  ],
  [
    'application/vnd.kubernetes.protobuf;as=PartialObjectMetadata;v=v1;g=meta.k8s.io,application/json',
    { format: 'protobuf', as: 'PartialObjectMetadata', version: 'v1' },
  ],
  [
    'application/vnd.kubernetes.protobuf;as=PartialObjectMetadata;v=v1;g=meta.k8s.io,application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io,application/json',
    { format: 'protobuf', as: 'PartialObjectMetadata', version: 'v1' },
  ],
  ['application/vnd.kubernetes.protobuf;as=Table;v=v1;g=meta.k8s.io,application/json', json],
  ['application/yaml', { ...json, format: 'yaml' }],
  ['application/json;q=0.1, application/yaml', { ...json, format: 'yaml' }],
  ['application/json;as=Table;v=v1;g=meta.k8s.io,application/json', { ...json, as: 'Table' }],
  ['application/json;as=Table;v=v9;g=meta.k8s.io,application/json', json],
  ['application/json;as=Table;g=meta.k8s.io;v=v1beta1', { ...json, as: 'Table', version: 'v1beta1' }],
  ['application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io', { ...json, as: 'PartialObjectMetadata' }],
  [
    'application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io',
    { ...json, as: 'PartialObjectMetadata', ofList: true },
  ],
])('Accept: %s', (accept, representation) => {
  expect(negotiate(accept)).toEqual(representation);
});

test.each([
  ['application/xml,application/json;q=0', json],
  ['application/json;stream=watch', json],
  ['application/yaml;stream=watch,application/json', json],
  ['application/json;sv=v1', json],
  ['*/*,application/yaml', { ...json, format: 'yaml' }],
  ['application/json;as=Foo;v=v1;g=meta.k8s.io,application/yaml', { ...json, format: 'yaml' }],
])('as upstream reads it, Accept: %s', (accept, representation) => {
  expect(negotiate(accept)).toEqual(representation);
});

test.each([
  ['application/json;as=Table', undefined],
  ['application/json;sv=v1', undefined],
  ['text/html', undefined],
  ['application/json;as=Table;v=v1;g=meta.k8s.io,application/yaml', 'yaml'],
  [undefined, 'json'],
])('of what has one form only, Accept: %s', (accept, format) => {
  expect(plainFormatOf(accept)).toBe(format);
});

test('what there is no protobuf of may still be told of by its metadata', () => {
  const offered = { tables: true, protobuf: false };
  const metadata = `${protobufMedia};as=PartialObjectMetadata;v=v1;g=meta.k8s.io`;
  expect(negotiate(metadata, offered)).toMatchObject({ format: 'protobuf', as: 'PartialObjectMetadata' });
  expect(negotiate(`${protobufMedia},${metadata}`, offered)).toMatchObject({ as: 'PartialObjectMetadata' });
  expect(() => negotiate(protobufMedia)).not.toThrow();
  expect(() => negotiate(protobufMedia, offered)).toThrow('only the following media types are accepted');
});

test('what can not be made is refused with what can', () => {
  const unmade = [
    'application/json;stream=foo',
    'application/json;sv=v2',
    'application/json;g=meta.k8s.io',
    'APPLICATION/JSON',
  ];
  for (const accept of ['text/html', ...unmade, 'application/vnd.kubernetes.protobuf;as=Table;v=v1;g=meta.k8s.io'])
    expect(() => negotiate(accept)).toThrow(
      expect.objectContaining({
        code: 'NotAcceptable',
        message:
          'only the following media types are accepted: application/json, application/yaml, application/vnd.kubernetes.protobuf',
      }),
    );
});

test('the first offered version of aggregated discovery is chosen, unless the plain form comes before it', () => {
  const offered = ['v2', 'v2beta1'];
  const wanted = (v: string, type = 'application/json') =>
    `${type};g=apidiscovery.k8s.io;v=${v};as=APIGroupDiscoveryList`;
  const chosen = (...accept: string[]) => aggregatedFormOf(accept.join(','), offered);
  expect(chosen(wanted('v3'), wanted('v2beta1'), 'application/json')).toEqual({ format: 'json', version: 'v2beta1' });
  expect(chosen('application/json', wanted('v2'))).toBeUndefined();
  expect(chosen('text/html', wanted('v2', protobufMedia), wanted('v2'))).toEqual({ format: 'protobuf', version: 'v2' });
  expect(chosen(wanted('v2', 'application/yaml'))).toEqual({ format: 'yaml', version: 'v2' });
  expect(chosen(protobufMedia, wanted('v2'))).toBeUndefined();
});

test('of a header of a hundred thousand parameters some thousands are read', () => {
  const trim = vi.spyOn(String.prototype, 'trim');
  expect(negotiate(`application/yaml${';a=b'.repeat(60_000)}`)).toMatchObject({ format: 'yaml' });
  expect(negotiate(`${`text/html${';a=b'.repeat(2000)},`.repeat(30)}application/yaml`)).toMatchObject({
    format: 'yaml',
  });
  expect(trim.mock.calls.length).toBeLessThan(40_000);
  trim.mockRestore();
});
