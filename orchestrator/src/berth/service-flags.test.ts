import { expect, test } from 'vitest';
import { BerthError } from './berth-error.ts';
import { servicesOf } from './service-flags.ts';

const given = (serviceClusterIpRange: string, serviceNodePortRange = '') =>
  servicesOf({ serviceClusterIpRange, serviceNodePortRange });

function refusal(serviceClusterIpRange: string, serviceNodePortRange = ''): string {
  try {
    given(serviceClusterIpRange, serviceNodePortRange);
  } catch (error) {
    if (error instanceof BerthError && error.code === 'Usage') return error.message;
    throw error;
  }
  throw new Error('it was taken');
}

test.each([
  ['', ['10.96.0.0/16']],
  ['10.0.0.0/8', ['10.0.0.0/8']],
  ['10.0.0.5/29', ['10.0.0.0/29']],
  ['fd00:10::7/108', ['fd00:10::/108']],
  ['10.0.0.0/16,fd00:10::/108', ['10.0.0.0/16', 'fd00:10::/108']],
  ['fd00:10::/64,010.0.0.0/30', ['fd00:10::/64', '10.0.0.0/30']],
])('--service-cluster-ip-range %j is of the ranges %j', (text, cidrs) => {
  expect(given(text).cidrs).toEqual(cidrs);
});

// What kube-apiserver 1.36.3 says to them.
test.each([
  ['nonsense', 'service-cluster-ip-range[0] is not a valid cidr'],
  ['10.0.0.0', 'service-cluster-ip-range[0] is not a valid cidr'],
  [
    '10.0.0.0/30',
    'error determining service IP ranges for primary service cidr: the service cluster IP range must be at least 8 IP addresses',
  ],
  ['10.0.0.0/16,', 'service-cluster-ip-range[1] is not an ip net'],
  ['10.0.0.0/16,x', 'service-cluster-ip-range[1] is not an ip net'],
  [
    '10.0.0.0/16,10.1.0.0/16',
    '--service-cluster-ip-range[0] and --service-cluster-ip-range[1] must be of different IP family',
  ],
  ['10.0.0.0/16,fd00::/112,fd01::/112', '--service-cluster-ip-range must not contain more than two entries'],
])('--service-cluster-ip-range %j is refused as upstream', (text, why) => {
  expect(refusal(text)).toBe(why);
});

test.each([
  ['', { first: 30_000, count: 2768 }],
  [' 30000-30009 ', { first: 30_000, count: 10 }],
  ['30000+9', { first: 30_000, count: 10 }],
  ['30000', { first: 30_000, count: 1 }],
])('--service-node-port-range %j is %j', (text, range) => {
  expect(given('', text).nodePorts).toEqual(range);
});

test.each([
  ['x', 'strconv.Atoi: parsing "x": invalid syntax'],
  ['-5-10', 'strconv.Atoi: parsing "": invalid syntax'],
  ['5-4', 'end port cannot be less than start port: 5-4'],
  ['1-70000', 'the port range cannot be greater than 65535: 1-70000'],
  ['1+5-7', 'unable to parse port range: 1+5-7'],
])('--service-node-port-range %j is refused as upstream', (text, why) => {
  expect(refusal('', text)).toBe(`invalid argument "${text}" for "--service-node-port-range" flag: ${why}`);
});
