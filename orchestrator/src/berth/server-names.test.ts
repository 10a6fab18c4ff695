import { expect, test } from 'vitest';
import { defaultServices } from '../api-server/create-api-server.ts';
import { localHost, serverNames } from './server-names.ts';

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
