import { expect, test } from 'vitest';
import { unregisteredKind } from '../body-decoder.ts';

// What kube-apiserver 1.36.3 says of them where something else is expected.
test.each([
  ['apps/v1beta1', 'Deployment', true],
  ['extensions/v1beta1', 'ScaleList', true],
  ['v1', 'PodExecOptions', true],
  ['apps/v1', 'Deployment', true],
  ['apps/v1beta1', 'DaemonSet', false],
  ['policy/v1beta1', 'PodSecurityPolicy', false],
  ['constructor', 'Pod', false],
])('whether %s has a %s, served or not: %s', (apiVersion, kind, isKnown) => {
  const words = `no kind "${kind}" is registered for version "${apiVersion}" in scheme "pkg/runtime/scheme.go:111"`;
  expect(unregisteredKind({ apiVersion, kind })).toBe(isKnown ? undefined : words);
});
