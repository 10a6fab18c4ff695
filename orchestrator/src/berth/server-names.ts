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
  return [...new Set(names.filter((name) => !isUnspecified(name)))];
}

/** What the clients of this machine call it by, in a URL: where it listens on all addresses, none of them is its own. */
export function localHost(address: string): string {
  if (isUnspecified(address)) return '127.0.0.1';
  return address.includes(':') ? `[${address}]` : address;
}

/** 0.0.0.0 and ::, however they are written. */
function isUnspecified(address: string): boolean {
  return /^[0.:]+$/.test(address);
}
