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
  ['True', false],
  ['reg.io/A', false],
  ['Reg/a', true],
  ['index.docker.io/a', true],
  ['[::1]:5000/a', true],
  ['::1/a', false],
  ['a//b', false],
  ['a-', false],
  [`a:latest@sha256:${'0'.repeat(64)}`, true],
  [`a@sha256:${'0'.repeat(64)}`, false],
  [`a:latest@sha256:${'0'.repeat(63)}`, false],
  // With `library/` before it, as kube-apiserver 1.36.3 counts.
  ['a'.repeat(247), true],
  ['a'.repeat(248), false],
  [`reg.io/${'a'.repeat(255)}`, true],
  [`reg.io/${'a'.repeat(256)}:latest`, false],
])('whether %s is a newest image: %s', (image, is) => {
  expect(isLatest(image)).toBe(is);
});
