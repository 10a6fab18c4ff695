import type { ServiceSpec } from '@berth/kube';
import { semanticEqual } from '../equality.ts';
import { isExternal } from './service.ts';
import { isHealthChecked } from './service-validation.ts';

/** Who names one address in the old form names it in the new one (normalizeClusterIPs, of a new service). */
export function alignAddresses(spec: ServiceSpec): void {
  if (spec.clusterIP && !spec.clusterIPs?.length) spec.clusterIPs = [spec.clusterIP];
}

/** A stored one, which may be of before there was the new form, or of a name. */
export function withBothForms(spec: ServiceSpec): ServiceSpec {
  const copy = { ...spec };
  alignAddresses(copy);
  return copy;
}

/** Clients that know one of the two forms only change the other with it (normalizeClusterIPs, of a change). */
function alignChange(next: ServiceSpec, old: ServiceSpec): void {
  const [address = '', before = ''] = [next.clusterIP, old.clusterIP];
  if (address === before) {
    if (old.clusterIPs?.length && !next.clusterIPs?.length) next.clusterIPs = [...old.clusterIPs];
  } else if (semanticEqual(next.clusterIPs, old.clusterIPs)) {
    if (address) next.clusterIPs = [address];
    else delete next.clusterIPs;
  }
}

/** An update that doesn't name what was allocated keeps it; one that changes the type gives it up (patchAllocatedValues, dropTypeDependentFields). */
export function keepAllocated(next: ServiceSpec, old: ServiceSpec): void {
  if (needsAddress(next) && needsAddress(old)) keepAddress(next, old);
  alignChange(next, old);
  if (allocatesNodePorts(next) && allocatesNodePorts(old)) keepNodePorts(next, old);
  if (isHealthChecked(next) && isHealthChecked(old) && !next.healthCheckNodePort && old.healthCheckNodePort)
    next.healthCheckNodePort = old.healthCheckNodePort;
  if (needsAddress(old) && !needsAddress(next)) dropAddress(next, old);
  if (hasNodePorts(old) && !hasNodePorts(next)) dropNodePorts(next, old);
  if (isHealthChecked(old) && !isHealthChecked(next) && next.healthCheckNodePort === old.healthCheckNodePort)
    delete next.healthCheckNodePort;
  if (old.type === 'LoadBalancer' && next.type !== 'LoadBalancer') dropBalancer(next, old);
  if (isExternal(old) && !isExternal(next) && next.externalTrafficPolicy === old.externalTrafficPolicy)
    delete next.externalTrafficPolicy;
}

function needsAddress({ type }: ServiceSpec): boolean {
  return type !== 'ExternalName';
}

export function hasNodePorts({ type }: ServiceSpec): boolean {
  return type === 'NodePort' || type === 'LoadBalancer';
}

/** Whether ports that name none are given node ports. */
export function allocatesNodePorts({ type, allocateLoadBalancerNodePorts = true }: ServiceSpec): boolean {
  return type === 'NodePort' || (type === 'LoadBalancer' && allocateLoadBalancerNodePorts);
}

function keepAddress(next: ServiceSpec, old: ServiceSpec): void {
  if (!next.clusterIP && old.clusterIP) next.clusterIP = old.clusterIP;
  if (!next.clusterIPs?.length && old.clusterIPs?.length) next.clusterIPs = [...old.clusterIPs];
}

/** By name: everything else of a port may have changed. */
function keepNodePorts(next: ServiceSpec, old: ServiceSpec): void {
  const wanted = new Set((next.ports ?? []).map(({ nodePort }) => nodePort));
  const had = new Map((old.ports ?? []).map(({ name = '', nodePort }) => [name, nodePort]));
  for (const port of next.ports ?? []) {
    const nodePort = had.get(port.name ?? '');
    if (!port.nodePort && nodePort && !wanted.has(nodePort)) port.nodePort = nodePort;
  }
}

function dropAddress(next: ServiceSpec, old: ServiceSpec): void {
  if (next.clusterIP === old.clusterIP && semanticEqual(next.clusterIPs, old.clusterIPs)) {
    delete next.clusterIP;
    delete next.clusterIPs;
  }
  if (next.ipFamilies?.join() === old.ipFamilies?.join()) delete next.ipFamilies;
  if (next.ipFamilyPolicy === old.ipFamilyPolicy) delete next.ipFamilyPolicy;
  if (next.internalTrafficPolicy === old.internalTrafficPolicy) delete next.internalTrafficPolicy;
}

function dropNodePorts(next: ServiceSpec, old: ServiceSpec): void {
  const before = new Set((old.ports ?? []).map(({ nodePort }) => nodePort));
  if (!(next.ports ?? []).every(({ nodePort }) => !nodePort || before.has(nodePort))) return;
  for (const port of next.ports ?? []) delete port.nodePort;
}

function dropBalancer(next: ServiceSpec, old: ServiceSpec): void {
  if (next.allocateLoadBalancerNodePorts === old.allocateLoadBalancerNodePorts)
    delete next.allocateLoadBalancerNodePorts;
  if (next.loadBalancerClass === old.loadBalancerClass) delete next.loadBalancerClass;
}
