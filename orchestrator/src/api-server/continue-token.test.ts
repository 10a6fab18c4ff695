import { expect, test } from 'vitest';
import { decodeContinue, encodeContinue } from './continue-token.ts';

const token = (json: string) => Buffer.from(json).toString('base64url');
const ours = (fields: string) => token(`{"v":"meta.k8s.io/v1",${fields}}`);

test.each([
  { revision: 7, after: 'default/a' },
  { revision: -1, after: 'a' },
])('%o comes back from its token', (place) => {
  expect(decodeContinue(encodeContinue(place))).toEqual(place);
});

test('a key may lack the first slash', () => {
  expect(decodeContinue(ours('"rv":-1,"start":"a\\u0000"'))).toEqual({ revision: -1, after: 'a' });
});

// What kube-apiserver 1.36.3 answers.
test.each([
  ['x', 'illegal base64 data at input byte 0'],
  ['xxxxx', 'illegal base64 data at input byte 4'],
  ['eyJ ', 'illegal base64 data at input byte 3'],
  ['xx', "invalid character 'Ç' looking for beginning of value"],
  [token('{"v":'), 'unexpected end of JSON input'],
  [token('[]'), 'json: cannot unmarshal array into Go value of type storage.continueToken'],
  [token('{"v":1}'), 'json: cannot unmarshal number into Go struct field continueToken.v of type string'],
  [token('{"rv":"1"}'), 'json: cannot unmarshal string into Go struct field continueToken.rv of type int64'],
  [ours('"rv":1.5'), 'json: cannot unmarshal number 1.5 into Go struct field continueToken.rv of type int64'],
  [token('{"v":"x"}'), 'server does not recognize this encoded version x'],
  [ours('"rv":0'), 'incorrect encoded start resourceVersion (version meta.k8s.io/v1)'],
  [ours('"rv":-1'), 'encoded start key empty (version meta.k8s.io/v1)'],
  [ours('"rv":-1,"start":"/a/../b"'), '/a/../b'],
  [ours('"rv":-1,"start":"a/../../b"'), 'a/../../b'],
  [ours('"rv":-1,"start":"//b"'), '//b'],
  [ours('"rv":-1,"start":"/b/"'), '/b/'],
])('%s is refused: %s', (text, why) => {
  const message = `invalid continue token: continue key is not valid: ${why}`;
  expect(() => decodeContinue(text)).toThrow(expect.objectContaining({ code: 'BadRequest', message }));
});
