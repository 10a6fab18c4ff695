import type { Container, ContainerPort } from '@berth/kube';

export type PlacedContainer = readonly [container: Container, path: string];

interface Placed extends ContainerPort {
  readonly at: string;
}

/** Of far more ports than anyone lists, and than headers have room to tell of. Upstream compares each with all. */
const mostPairs = 10_000;

/** Ports that more than one container, or entry, claims (pkg/api/pod warnings.go). */
export function portWarnings(containers: readonly PlacedContainer[]): string[] {
  const ports = containers.flatMap(([{ ports = [] }, path]) =>
    ports.map((port, i): Placed => ({ ...port, at: `${path}.ports[${i}]` })),
  );
  const seen = new Map<string, Placed[]>();
  let left = mostPairs;
  const clashes = ports.flatMap((port) => {
    const key = `${port.containerPort}/${port.protocol}`;
    const others = seen.get(key) ?? [];
    const compared = others.slice(0, left);
    left -= compared.length;
    if (left > 0) seen.set(key, others).get(key)?.push(port);
    return [...withoutHostPort(port), ...compared.flatMap((other) => clash(port, other))];
  });
  return [...clashes, ...sameNames(ports)];
}

/** As Go's `%+v` shows a port. */
function withoutHostPort({ name = '', hostPort = 0, containerPort = 0, protocol = '', hostIP, at }: Placed): string[] {
  if (!hostIP || hostPort !== 0) return [];
  const shown = `{Name:${name} HostPort:0 ContainerPort:${containerPort} Protocol:${protocol} HostIP:${hostIP}}`;
  return [`${at}: hostIP set without hostPort: ${shown}`];
}

function clash(port: Placed, other: Placed): string[] {
  const [ip = '', otherIp = ''] = [port.hostIP, other.hostIP];
  const [hostPort = 0, otherPort = 0] = [port.hostPort, other.hostPort];
  const tell = (what: string) => [`${port.at}: ${what} port definition with ${other.at}`];
  if (ip === otherIp && hostPort === otherPort) return tell('duplicate');
  if (hostPort === 0 || otherPort === 0) return tell('overlapping');
  return hostPort === otherPort && (ip === '') !== (otherIp === '') ? tell('dangerously ambiguous') : [];
}

function sameNames(ports: readonly Placed[]): string[] {
  const first = new Map<string, string>();
  return ports.flatMap(({ name, at }) => {
    if (!name) return [];
    const other = first.get(name);
    if (other === undefined) first.set(name, at);
    const use = `services and probes that select ports by name will use ${other}`;
    return other === undefined ? [] : [`${at}: duplicate port name ${JSON.stringify(name)} with ${other}, ${use}`];
  });
}
