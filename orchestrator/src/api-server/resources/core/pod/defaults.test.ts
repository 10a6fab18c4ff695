import { expect, test } from 'vitest';
import { isLatest } from './defaults.ts';

test.each([
  ['nginx', true],
  ['nginx:latest', true],
  ['reg:5000/a', true],
  ['nginx:1', false],
  ['reg:5000/a:1', false],
  ['a@sha256:x', false],
  ['A b', false],
  // With `library/` before it, as kube-apiserver 1.36.3 counts.
  ['a'.repeat(247), true],
  ['a'.repeat(248), false],
  [`reg.io/${'a'.repeat(255)}`, true],
  [`reg.io/${'a'.repeat(256)}:latest`, false],
])('whether %s is a newest image: %s', (image, is) => {
  expect(isLatest(image)).toBe(is);
});
