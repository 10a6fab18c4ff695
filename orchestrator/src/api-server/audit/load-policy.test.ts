import { expect, test } from 'vitest';
import { loadAuditPolicy } from './load-policy.ts';

test.each([
  ['/nonexistent/policy.yaml', 'open /nonexistent/policy.yaml: no such file or directory'],
  ['/', 'read /: is a directory'],
  ['/dev/null/policy.yaml', 'open /dev/null/policy.yaml: not a directory'],
])('a policy that cannot be read, %s, is told as by kube-apiserver', (file, why) => {
  expect(() => loadAuditPolicy(file)).toThrow(`loading audit policy file: failed to read file path "${file}": ${why}`);
});
