import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test, vi } from 'vitest';
import { loadAuditPolicy } from './load-policy.ts';

test.each([
  ['/nonexistent/policy.yaml', 'open /nonexistent/policy.yaml: no such file or directory'],
  ['/', 'read /: is a directory'],
  ['/dev/null/policy.yaml', 'open /dev/null/policy.yaml: not a directory'],
])('a policy that cannot be read, %s, is told as by kube-apiserver', (file, why) => {
  expect(() => loadAuditPolicy(file, { warn: vi.fn() })).toThrow(
    `loading audit policy file: failed to read file path "${file}": ${why}`,
  );
});

// LoadPolicyFromBytes of k8s.io/apiserver/pkg/audit/policy: strictly first, then with a warning.
test('what a policy should not have is passed over, and warned of', () => {
  const folder = mkdtempSync(join(tmpdir(), 'berth-audit-policy-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const file = join(folder, 'policy.yaml');
  const policy = (rule: string) =>
    writeFileSync(file, `apiVersion: audit.k8s.io/v1\nkind: Policy\nrules: [{level: None, ${rule}}]\n`);
  const warn = vi.fn();
  policy('namespaces: [a]');
  expect(loadAuditPolicy(file, { warn }).rules).toMatchObject([{ level: 'None', namespaces: ['a'] }]);
  expect(warn).not.toHaveBeenCalled();
  policy('namespace: a');
  expect(loadAuditPolicy(file, { warn }).rules).toMatchObject([{ level: 'None' }]);
  expect(warn.mock.calls).toEqual([[expect.any(String), { file, unknown: ['rules[0].namespace'] }]]);
});
