import { expect, test } from 'vitest';
import { firewallRemoval, firewallRules } from './firewall.ts';
import { parseSubnet } from './subnet.ts';

const options = { tag: 'abcd1234', bridge: 'berthabcd1234', subnet: '10.85.0.0/24', clusterCidr: '10.85.0.0/16' };
const port = {
  sandboxId: 's',
  protocol: 'tcp' as const,
  hostIp: '',
  hostPort: 8080,
  podIp: '10.85.0.9',
  podPort: 80,
};

test('the firewall masquerades what leaves the cluster and leads published ports to their pods', () => {
  const rules = firewallRules(options, [port], '').split('\n');
  expect(rules).toContain('-A BERTH-abcd1234 -s 10.85.0.0/24 ! -d 10.85.0.0/24 -j MASQUERADE');
  expect(rules).toContain('-A BERTH-HP-abcd1234 -p tcp -m tcp --dport 8080 -j DNAT --to-destination 10.85.0.9:80');
  expect(rules.indexOf('-A BERTH-abcd1234 -s 10.85.0.0/24 -d 10.85.0.0/16 -j RETURN')).toBeLessThan(
    rules.indexOf('-A BERTH-abcd1234 -s 10.85.0.0/24 ! -d 10.85.0.0/24 -j MASQUERADE'),
  );
  const narrow = firewallRules(options, [{ ...port, hostIp: '127.0.0.1' }], '');
  expect(narrow).toContain('-p tcp -d 127.0.0.1 -m tcp --dport 8080');
});

test('jumps to our chains are added once', () => {
  const existing = [
    '*filter',
    '-A FORWARD -j BERTH-abcd1234',
    'COMMIT',
    '*nat',
    '-A PREROUTING -m addrtype --dst-type LOCAL -j BERTH-HP-abcd1234',
    'COMMIT',
  ].join('\n');
  const jumps = firewallRules(options, [], existing)
    .split('\n')
    .filter((line) => line.startsWith('-I'));
  expect(jumps).toEqual([
    '-I POSTROUTING -j BERTH-abcd1234',
    '-I OUTPUT -m addrtype --dst-type LOCAL -j BERTH-HP-abcd1234',
  ]);
});

test('jumps that two writers added at once are brought down to one, and all of them are removed at the end', () => {
  const existing = [
    '*filter',
    ':BERTH-abcd1234 - [0:0]',
    '-A FORWARD -j BERTH-abcd1234',
    '-A FORWARD -j BERTH-abcd1234',
    '-A FORWARD -j BERTH-eeee5678',
    'COMMIT',
    '',
  ].join('\n');
  const written = firewallRules(options, [], existing).split('\n');
  expect(written.filter((line) => line.includes('FORWARD'))).toEqual(['-D FORWARD -j BERTH-abcd1234']);
  expect(firewallRemoval('abcd1234', existing).split('\n')).toEqual([
    ...['*nat', 'COMMIT', '*filter'],
    ...['-D FORWARD -j BERTH-abcd1234', '-D FORWARD -j BERTH-abcd1234'],
    ...['-F BERTH-abcd1234', '-X BERTH-abcd1234', 'COMMIT', ''],
  ]);
  expect(firewallRemoval('00001111', existing)).toBe('');
});

test('a pod subnet is normalized, and refused where it is none', () => {
  expect(parseSubnet('10.85.3.7/24')).toEqual({ cidr: '10.85.3.0/24', gateway: '10.85.3.1', prefix: 24 });
  for (const text of ['10.85.0.0', '10.85.0.0/31', 'fd00::/64', '10.85.0/24', '300.1.1.1/24', '1.2.3.4/x']) {
    expect(() => parseSubnet(text)).toThrow(/pod subnet/);
  }
});
