import { expect, test } from 'vitest';
import { metadataOf } from './stored-metadata.ts';
import { encodeObject } from './stored-object.ts';

const managedFields = [{ manager: 'a"]}', fieldsV1: { 'f:data': { 'f:[': {}, 'f:"managedFields":[': {} } } }];
const rest = { data: { metadata: '"metadata":{', '}': '{' }, spec: { template: { metadata: { labels: { a: 'z' } } } } };

function read(metadata: object) {
  return metadataOf(encodeObject({ kind: 'ConfigMap', apiVersion: 'v1', metadata, ...rest }));
}

test.each([
  ['nothing', {}],
  ['labels', { name: 'a', labels: { a: 'b' } }],
  [
    'texts with signs',
    { name: 'a', annotations: { '{': '}', '"': '\\', é: '\u2028', managedFields: '"managedFields":[' } },
  ],
  ['lists', { name: 'a', finalizers: ['[', ']'], ownerReferences: [{ name: 'b', controller: true }] }],
])('metadata of a stored value are read alone: %s', (_, metadata) => {
  expect(read(metadata)).toEqual(metadata);
  const [name = {}, ...others] = Object.entries(metadata).map(([key, value]) => ({ [key]: value }));
  for (const whole of [
    { ...metadata, managedFields },
    { managedFields, ...metadata },
    { ...name, managedFields, ...Object.assign({}, ...others) },
  ])
    expect(read(whole)).toEqual({ ...metadata, managedFields: [] });
});

test.each([
  'k8s:enc:aescbc:v1:key:{"kind":"ConfigMap","apiVersion":"v1","metadata":{}}',
  '{"apiVersion":"v1","kind":"ConfigMap","spec":{"metadata":{}},"metadata":{}}',
  '{"kind": "ConfigMap", "apiVersion": "v1", "metadata": {}}',
  '{"kind":"ConfigMap","apiVersion":"v1","metadata":{"name":"a"',
  '{"kind":"ConfigMap","apiVersion":"v1","metadata":{"managedFields":[{"manager":"a"',
])('metadata of %s are not told', (text) => {
  expect(metadataOf(Buffer.from(text))).toBeUndefined();
});
