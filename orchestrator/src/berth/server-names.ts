import { hostname, networkInterfaces } from 'node:os';

/** The first IPv4 address of a real interface: what pods and other machines know this one by. */
export function machineAddress(): string | undefined {
  return Object.entries(networkInterfaces())
    .filter(([name]) => !/^(lo|berth|veth|docker|br-)/.test(name))
    .flatMap(([, list]) => (list ?? []).filter(({ family, internal }) => family === 'IPv4' && !internal))[0]?.address;
}

/** What clients may call a server by that listens on `address`. */
export function serverNames(address: string): readonly string[] {
  const names = [
    'localhost',
    '127.0.0.1',
    'kubernetes',
    'kubernetes.default',
    'kubernetes.default.svc',
    '10.96.0.1',
    hostname(),
    machineAddress() ?? '127.0.0.1',
    address,
  ];
  return [...new Set(names.filter((name) => name !== '0.0.0.0' && name !== '::'))];
}
