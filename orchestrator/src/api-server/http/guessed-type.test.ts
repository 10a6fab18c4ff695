import { expect, test } from 'vitest';
import { guessedType } from './guessed-type.ts';

test.each([
  ['{"kind":"Thing"}', 'text/plain; charset=utf-8'],
  ['', 'text/plain; charset=utf-8'],
  ['  <!doctype html><html>', 'text/html; charset=utf-8'],
  ['<html>', 'text/html; charset=utf-8'],
  ['<html', 'text/plain; charset=utf-8'],
  ['<!-- a', 'text/html; charset=utf-8'],
  ['<abbr>', 'text/plain; charset=utf-8'],
  ['\n<?xml version="1.0"?>', 'text/xml; charset=utf-8'],
  ['\xef\xbb\xbfa\0', 'text/plain; charset=utf-8'],
  ['\xfe\xff\0a', 'text/plain; charset=utf-16be'],
  ['\x89PNG\r\n\x1a\nabc', 'image/png'],
  ['\xff\xd8\xff', 'image/jpeg'],
  ['\x1f\x8b\x08abc', 'application/x-gzip'],
  ['\0\x01\x02\x03\xff', 'application/octet-stream'],
  ['k8s\0', 'application/octet-stream'],
  [`${'a'.repeat(512)}\0`, 'text/plain; charset=utf-8'],
])('%j is %s, as Go’s DetectContentType says', (bytes, type) => {
  expect(guessedType(Buffer.from(bytes, 'latin1'))).toBe(type);
});
