import { expect, test } from 'vitest';
import { identityOf } from './identity-lease.ts';

test('a server is known by its machine’s name as kube-apiserver is', () => {
  expect(identityOf('vm')).toBe('apiserver-wlv32tlttr4jl3gtroqexyxapa');
  expect(identityOf('a.example.com')).toMatch(/^apiserver-[a-z2-7]{26}$/);
});
