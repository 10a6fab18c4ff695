import type { Service, ServiceSpec } from '@berth/kube';
import { formatLabels } from '../columns.ts';
import type { KindRules } from '../rules.ts';
import { alignAddresses } from './service-allocation.ts';
import { validateServiceStatus, validateServiceUpdate } from './service-update.ts';
import { validateService } from './service-validation.ts';

/** How much of a load balancer's address a table shows. */
const addressWidth = 16;

/** Services: kubernetes registry/core/service; addresses and node ports are the allocators'. */
export const serviceRules: KindRules = {
  cells: {
    Type: ({ spec }) => spec?.type ?? '',
    'Cluster-IP': ({ spec }) => spec?.clusterIPs?.[0] ?? spec?.clusterIP ?? '<none>',
    'External-IP': (object) => externalAddress(object as Service),
    'Port(s)': (object) => ports((object as Service).spec ?? {}) || '<none>',
    Selector: ({ spec }) => formatLabels(spec?.selector),
  },
  rules: {
    nameRule: 'dnsLabel',
    takesShared: true,
    default: (object) => defaultService(object as Service),
    prepareForCreate: ({ spec }) => {
      dropPolicyOfNames(spec);
      alignAddresses(spec);
    },
    // The balancer itself goes later; its address is no more this service's.
    prepareForUpdate: (object) => {
      dropPolicyOfNames(object.spec);
      if (object.spec?.type !== 'LoadBalancer' && object.status) object.status = { ...object.status, loadBalancer: {} };
    },
    validate: (object, old) => validateService(object as Service, old as Service | undefined),
    validateChangeFirst: (next, old) => validateServiceUpdate(next as Service, old as Service),
    validateStatusUpdate: (next) => validateServiceStatus(next as Service),
    selectableFields: {
      'spec.clusterIP': ({ spec }) => spec?.clusterIP ?? '',
      'spec.type': ({ spec }) => spec?.type ?? '',
    },
  },
};

function defaultService({ spec, status }: Service): void {
  if (!spec) return;
  spec.sessionAffinity ??= 'None';
  if (spec.sessionAffinity === 'None') delete spec.sessionAffinityConfig;
  if (spec.sessionAffinity === 'ClientIP' && spec.sessionAffinityConfig?.clientIP?.timeoutSeconds === undefined)
    spec.sessionAffinityConfig = { clientIP: { timeoutSeconds: 10_800 } };
  spec.type ??= 'ClusterIP';
  for (const port of spec.ports ?? []) {
    port.protocol ??= 'TCP';
    if (!port.targetPort) port.targetPort = port.port;
  }
  defaultTraffic(spec);
  if (spec.type === 'LoadBalancer')
    for (const ingress of status?.loadBalancer?.ingress ?? []) if (ingress.ip) ingress.ipMode ??= 'VIP';
}

function defaultTraffic(spec: ServiceSpec): void {
  if (isExternal(spec)) spec.externalTrafficPolicy ??= 'Cluster';
  if (spec.type !== 'ExternalName') spec.internalTrafficPolicy ??= 'Cluster';
  if (spec.type === 'LoadBalancer') spec.allocateLoadBalancerNodePorts ??= true;
}

/** A name has no traffic of its own (storage defaultOnReadInternalTrafficPolicy); what is none of the policies, validation tells. */
function dropPolicyOfNames(spec: ServiceSpec | undefined): void {
  if (spec?.type === 'ExternalName' && ['Cluster', 'Local'].includes(spec.internalTrafficPolicy ?? ''))
    delete spec.internalTrafficPolicy;
}

/** Reachable from outside the cluster. */
export function isExternal({ type, externalIPs = [] }: ServiceSpec): boolean {
  return type === 'LoadBalancer' || type === 'NodePort' || (type === 'ClusterIP' && externalIPs.length > 0);
}

function externalAddress({ spec = {}, status }: Service): string {
  const external = spec.externalIPs?.join(',') ?? '';
  if (spec.type === 'ExternalName') return spec.externalName ?? '';
  if (spec.type !== 'LoadBalancer') return external || '<none>';
  const addresses = (status?.loadBalancer?.ingress ?? []).flatMap(({ ip, hostname }) => ip || hostname || []);
  const balanced = [...new Set(addresses)].sort().join(',');
  const shown = balanced.length > addressWidth ? `${balanced.slice(0, addressWidth - 3)}...` : balanced;
  return [shown, external].filter(Boolean).join(',') || '<pending>';
}

function ports({ ports: list = [] }: ServiceSpec): string {
  return list
    .map(({ port, nodePort, protocol }) => (nodePort ? `${port}:${nodePort}/${protocol}` : `${port}/${protocol}`))
    .join(',');
}
