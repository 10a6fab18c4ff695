import { expect, test } from 'vitest';
import { defaultServices } from '../api-server/service-ips/default-services.ts';
import { localHost, publicAddress, serverNames } from './server-names.ts';

test.each([
  ['127.0.0.1', '127.0.0.1'],
  ['192.0.2.7', '192.0.2.7'],
  ['::1', '[::1]'],
  ['0.0.0.0', '127.0.0.1'],
  ['::', '127.0.0.1'],
  ['0:0:0:0:0:0:0:0', '127.0.0.1'],
])('a server that listens on %s is called %s here, and has a certificate for that', (address, host) => {
  expect(localHost(address)).toBe(host);
  expect(serverNames(address, defaultServices)).toContain(host.replace(/^\[|\]$/g, ''));
});

test('the kubernetes Service leads to an address of its own family, or is refused in kube-apiserver’s words', () => {
  const ipv6 = { ...defaultServices, cidrs: ['fd00::/112'] } as const;
  expect(publicAddress('192.0.2.7', defaultServices)).toBe('192.0.2.7');
  expect(publicAddress('2001:db8::7', ipv6)).toBe('2001:db8::7');
  expect(() => publicAddress('192.0.2.7', ipv6)).toThrow(
    'service IP family "fd00::/112" must match public address family "192.0.2.7"',
  );
  expect(serverNames('::1', ipv6)).toContain('fd00::1');
});
