import type { Service, ServicePort } from '@berth/kube';

/**
 * Docker-link style variables of services a pod can reach by address (pkg/kubelet/envvars.FromServices):
 * `NAME_SERVICE_HOST`, `NAME_SERVICE_PORT`, `NAME_PORT`, `NAME_PORT_80_TCP…`.
 */
export function serviceEnvironment(services: readonly Service[]): Map<string, string> {
  const variables = new Map<string, string>();
  for (const service of services) {
    const ip = service.spec?.clusterIP;
    const ports = service.spec?.ports ?? [];
    const [first] = ports;
    if (!ip || ip === 'None' || !first) continue;
    const name = variableName(service.metadata.name ?? '');
    variables.set(`${name}_SERVICE_HOST`, ip);
    variables.set(`${name}_SERVICE_PORT`, String(first.port));
    for (const port of ports) {
      if (port.name) variables.set(`${name}_SERVICE_PORT_${variableName(port.name)}`, String(port.port));
    }
    for (const [key, value] of linkVariables(name, ip, ports)) variables.set(key, value);
  }
  return variables;
}

function linkVariables(name: string, ip: string, ports: readonly ServicePort[]): [string, string][] {
  const host = ip.includes(':') ? `[${ip}]` : ip;
  return ports.flatMap((port, index) => {
    const protocol = port.protocol ?? 'TCP';
    const url = `${protocol.toLowerCase()}://${host}:${port.port}`;
    const prefix = `${name}_PORT_${port.port}_${protocol.toUpperCase()}`;
    const own: [string, string][] = [
      [prefix, url],
      [`${prefix}_PROTO`, protocol.toLowerCase()],
      [`${prefix}_PORT`, String(port.port)],
      [`${prefix}_ADDR`, ip],
    ];
    return index === 0 ? [[`${name}_PORT`, url] as [string, string], ...own] : own;
  });
}

function variableName(name: string): string {
  return name.toUpperCase().replaceAll('-', '_');
}

/** The services whose variables a pod gets: `kubernetes` always, those of its namespace with enableServiceLinks. */
export function servicesForPod(
  services: readonly Service[],
  namespace: string,
  enableServiceLinks: boolean,
): readonly Service[] {
  const isMaster = ({ metadata }: Service) => metadata.namespace === 'default' && metadata.name === 'kubernetes';
  const own = enableServiceLinks
    ? services.filter((service) => service.metadata.namespace === namespace && !isMaster(service))
    : [];
  return [...services.filter(isMaster), ...own];
}
