import { expect, test } from 'vitest';
import type { AnyObject } from '../resource-definition.ts';
import { statusWarnings } from './status-warnings.ts';

const ip = '2001:DB8::1';
const words = 'IPv6 address "2001:DB8::1" should be in RFC 5952 canonical format ("2001:db8::1")';

test.each([
  ['Service', { loadBalancer: { ingress: [{ hostname: 'a' }, { ip }] } }, ['status.loadBalancer.ingress[1]']],
  ['Ingress', { loadBalancer: { ingress: [{ ip }] } }, ['status.loadBalancer.ingress[0]']],
  ['Pod', { podIPs: [{ ip: '1.2.3.4' }, { ip }], hostIPs: [{ ip }] }, ['status.podIPs[1].ip', 'status.hostIPs[0].ip']],
  ['Node', { addresses: [{ type: 'InternalIP', address: ip }] }, []],
  ['Pod', undefined, []],
])('the status of a %s %j is warned of at %j', (kind, status, fields) => {
  const object = { kind, metadata: {}, status } as AnyObject;
  expect(statusWarnings(kind, object)).toEqual(fields.map((field) => `${field}: ${words}`));
});
