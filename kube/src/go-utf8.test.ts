import { expect, test } from 'vitest';
import { goUtf8 } from './go-utf8.ts';

/** utf8.DecodeRune: what is wrong is one byte wide. */
test.each([
  ['a\u00e9\u20ac\u{1f600}\ufeff', 'aé€😀\ufeff'],
  ['\xff', '\ufffd'],
  ['\xc3', '\ufffd'],
  ['\xc3(', '\ufffd('],
  ['\xc0\x80', '\ufffd\ufffd'],
  ['\xf0\x9f\x98y', '\ufffd\ufffd\ufffdy'],
  ['\xe2\x82', '\ufffd\ufffd'],
  ['\xe0\x80\x80', '\ufffd\ufffd\ufffd'],
  ['\xed\xa0\x80', '\ufffd\ufffd\ufffd'],
  ['\xf0\x80\x80\x80', '\ufffd\ufffd\ufffd\ufffd'],
  ['\xf4\x90\x80\x80', '\ufffd\ufffd\ufffd\ufffd'],
  ['\xe2\x82\xac\xff\xc3\xa9', '€\ufffdé'],
])('goUtf8() of %j is %j', (bytes, text) => {
  const isText = /[^\0-\xff]/.test(bytes);
  expect(goUtf8(Buffer.from(bytes, isText ? 'utf8' : 'latin1'))).toBe(text);
});
