import type { ServiceSpec } from '@berth/kube';

/** Old and new form of the cluster's address agree, and families are known before addresses are (initIPFamilyFields, one family). */
export function normalizeFamilies(spec: ServiceSpec): void {
  if (spec.type === 'ExternalName') return;
  alignAddresses(spec);
  const headless = spec.clusterIPs?.[0] === 'None';
  const selectorless = Object.keys(spec.selector ?? {}).length === 0;
  if (headless && selectorless && spec.ipFamilyPolicy === undefined && !spec.ipFamilies) {
    spec.ipFamilyPolicy = 'RequireDualStack';
    spec.ipFamilies = ['IPv4', 'IPv6'];
  }
  spec.ipFamilyPolicy ??= 'SingleStack';
  spec.ipFamilies ??= [spec.clusterIPs?.[0]?.includes(':') ? 'IPv6' : 'IPv4'];
}

function alignAddresses(spec: ServiceSpec): void {
  if (spec.clusterIP && !spec.clusterIPs?.length) spec.clusterIPs = [spec.clusterIP];
  else if (!spec.clusterIP && spec.clusterIPs?.[0]) spec.clusterIP = spec.clusterIPs[0];
}

/** An update that doesn't name what was allocated keeps it; one that changes the type gives it up (patchAllocatedValues, dropTypeDependentFields). */
export function keepAllocated(next: ServiceSpec, old: ServiceSpec): void {
  if (needsAddress(next) && needsAddress(old)) keepAddress(next, old);
  if (needsNodePort(next) && needsNodePort(old)) keepNodePorts(next, old);
  if (next.type === 'LoadBalancer' && old.healthCheckNodePort) next.healthCheckNodePort ??= old.healthCheckNodePort;
  if (needsAddress(old) && !needsAddress(next)) dropAddress(next, old);
  if (needsNodePort(old) && !needsNodePort(next)) dropNodePorts(next, old);
  if (old.type === 'LoadBalancer' && next.type !== 'LoadBalancer') dropBalancer(next, old);
  if (!needsAddress(old)) normalizeFamilies(next);
}

function needsAddress({ type }: ServiceSpec): boolean {
  return type !== 'ExternalName';
}

function needsNodePort({ type }: ServiceSpec): boolean {
  return type === 'NodePort' || type === 'LoadBalancer';
}

function keepAddress(next: ServiceSpec, old: ServiceSpec): void {
  if (!next.clusterIP && !next.clusterIPs?.length) {
    if (old.clusterIP) next.clusterIP = old.clusterIP;
    if (old.clusterIPs) next.clusterIPs = [...old.clusterIPs];
  }
  // Clients that know one of the two forms only change the other with it.
  if (next.clusterIP && next.clusterIP !== old.clusterIP && next.clusterIPs?.join() === old.clusterIPs?.join())
    next.clusterIPs = [next.clusterIP];
  alignAddresses(next);
  if (old.ipFamilyPolicy) next.ipFamilyPolicy ??= old.ipFamilyPolicy;
  if (old.ipFamilies) next.ipFamilies ??= [...old.ipFamilies];
}

function keepNodePorts(next: ServiceSpec, old: ServiceSpec): void {
  const taken = new Map((old.ports ?? []).map((port) => [`${port.protocol}/${port.port}`, port.nodePort]));
  const used = new Set((next.ports ?? []).map(({ nodePort }) => nodePort));
  for (const port of next.ports ?? []) {
    const nodePort = taken.get(`${port.protocol}/${port.port}`);
    if (!port.nodePort && nodePort && !used.has(nodePort)) port.nodePort = nodePort;
  }
}

function dropAddress(next: ServiceSpec, old: ServiceSpec): void {
  if (next.clusterIP === old.clusterIP) {
    delete next.clusterIP;
    delete next.clusterIPs;
  }
  if (next.ipFamilies?.join() === old.ipFamilies?.join()) delete next.ipFamilies;
  if (next.ipFamilyPolicy === old.ipFamilyPolicy) delete next.ipFamilyPolicy;
  if (next.internalTrafficPolicy === old.internalTrafficPolicy) delete next.internalTrafficPolicy;
}

function dropNodePorts(next: ServiceSpec, old: ServiceSpec): void {
  const before = new Set((old.ports ?? []).map(({ nodePort }) => nodePort));
  if (!(next.ports ?? []).every(({ nodePort }) => before.has(nodePort))) return;
  for (const port of next.ports ?? []) delete port.nodePort;
  if (next.externalTrafficPolicy === old.externalTrafficPolicy) delete next.externalTrafficPolicy;
}

function dropBalancer(next: ServiceSpec, old: ServiceSpec): void {
  if (next.allocateLoadBalancerNodePorts === old.allocateLoadBalancerNodePorts)
    delete next.allocateLoadBalancerNodePorts;
  if (next.loadBalancerClass === old.loadBalancerClass) delete next.loadBalancerClass;
  if (next.healthCheckNodePort === old.healthCheckNodePort) delete next.healthCheckNodePort;
}
