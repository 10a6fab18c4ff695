import { expect, test } from 'vitest';
import { joinedSplices, type Splice, splicedBytes, wholeSplice } from './splice.ts';

const bytes = Buffer.from('{"kind":"Straße","metadata":{"name":"ü"},"data":{}}');
const at = bytes.indexOf('"name"');
const text = '"resourceVersion":"7",';
const whole: Splice = { bytes, from: 0, at, text };
const item: Splice = { bytes, from: bytes.indexOf(',"metadata"'), at, text };

test('a text goes into stored bytes where it is said to, and what it was taken from stays as it was', () => {
  const before = bytes.toString();
  expect(Buffer.from(splicedBytes(whole)).toString()).toBe(
    '{"kind":"Straße","metadata":{"resourceVersion":"7","name":"ü"},"data":{}}',
  );
  expect(Buffer.from(splicedBytes(item)).toString()).toBe('{"metadata":{"resourceVersion":"7","name":"ü"},"data":{}}');
  expect(bytes.toString()).toBe(before);
});

test('documents are joined by commas, whole ones and such with a text to be put in', () => {
  const joined = joinedSplices('{"ä":[', [item, wholeSplice(Buffer.from('{"a":"ö"}')), item], ']}');
  const one = '{"metadata":{"resourceVersion":"7","name":"ü"},"data":{}}';
  expect(Buffer.from(joined).toString()).toBe(`{"ä":[${one},{"a":"ö"},${one}]}`);
  expect(Buffer.from(joinedSplices('[', [], ']')).toString()).toBe('[]');
});
