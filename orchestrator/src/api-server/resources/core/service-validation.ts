import type { Service, ServicePort, ServiceSpec } from '@berth/kube';
import type { FieldError } from '../../resource-definition.ts';
import { duplicate, forbidden, internalError, invalid, notSupported, notSupportedPlain, required } from '../field.ts';
import { validateCidr, validateEndpointIp, validateIp } from '../ip.ts';
import { isIpAddress, isIpv6Address } from '../ip-form.ts';
import { validateLabels } from '../label-selector.ts';
import { dns1123Label, dns1123Subdomain, portNumber, qualifiedName } from '../names.ts';
import { validatePort } from './pod/handlers.ts';
import { isExternal } from './service.ts';

const types = ['ClusterIP', 'ExternalName', 'LoadBalancer', 'NodePort'];
const protocols = ['SCTP', 'TCP', 'UDP'];
const families = ['IPv4', 'IPv6'];
const familyPolicies = ['PreferDualStack', 'RequireDualStack', 'SingleStack'];
const distributions = ['PreferClose', 'PreferSameZone', 'PreferSameNode'];
const longestAffinity = 86_400;

/** A service as it would be stored, its addresses allocated; in place of `old`, whose addresses stay good (validateService). */
export function validateService({ spec = {} }: Service, old?: Service): FieldError[] {
  const headless = isHeadless(spec);
  const { ports = [], type = '', selector } = spec;
  const names = new Set<string>();
  return [
    ...(ports.length === 0 && !headless && type !== 'ExternalName' ? [required('spec.ports')] : []),
    ...typeErrors(spec, headless),
    ...ports.flatMap((port, index) => portErrors(port, `spec.ports[${index}]`, { names, named: ports.length > 1 })),
    ...validateLabels(selector, 'spec.selector'),
    ...affinityErrors(spec),
    ...addressErrors(spec, old?.spec?.clusterIPs),
    ...(spec.externalIPs ?? []).flatMap((ip, index) => {
      const field = `spec.externalIPs[${index}]`;
      const errors = validateIp(ip, field);
      return errors.length > 0 ? errors : validateEndpointIp(ip, field);
    }),
    ...oneOf(type, types, 'spec.type'),
    ...portClashes(spec),
    ...balancerErrors(spec),
    ...trafficErrors(spec),
  ];
}

export function isHeadless({ clusterIPs = [] }: ServiceSpec): boolean {
  return clusterIPs.length === 1 && clusterIPs[0] === 'None';
}

function oneOf(value: string | undefined, supported: readonly string[], field: string): FieldError[] {
  if (!value) return [required(field)];
  return supported.includes(value) ? [] : [notSupported(field, value, supported)];
}

function typeErrors(spec: ServiceSpec, headless: boolean): FieldError[] {
  const { type, clusterIPs = [], ipFamilies = [], ipFamilyPolicy, externalName = '' } = spec;
  if ((type === 'LoadBalancer' || type === 'NodePort') && headless)
    return [invalid('spec.clusterIPs[0]', 'None', `may not be set to 'None' for ${type} services`)];
  if (type !== 'ExternalName') return [];
  const text = 'may not be set for ExternalName services';
  const name = externalName.replace(/\.$/, '');
  return [
    ...(clusterIPs.length > 0 ? [forbidden('spec.clusterIPs', text)] : []),
    ...(ipFamilies.length > 0 ? [forbidden('spec.ipFamilies', text)] : []),
    ...(ipFamilyPolicy === undefined ? [] : [forbidden('spec.ipFamilyPolicy', text)]),
    ...(name
      ? dns1123Subdomain(name).map((complaint) => invalid('spec.externalName', name, complaint))
      : [required('spec.externalName')]),
  ];
}

function portErrors(
  port: ServicePort,
  field: string,
  { names, named }: { names: Set<string>; named: boolean },
): FieldError[] {
  const { name = '', appProtocol } = port;
  const repeated = name !== '' && names.has(name);
  names.add(name);
  return [
    ...(named && name === '' ? [required(`${field}.name`)] : []),
    ...(name ? dns1123Label(name).map((text) => invalid(`${field}.name`, name, text)) : []),
    ...(repeated ? [duplicate(`${field}.name`, name)] : []),
    ...portNumber(port.port).map((text) => invalid(`${field}.port`, port.port, text)),
    ...oneOf(port.protocol, protocols, `${field}.protocol`),
    ...validatePort(port.targetPort ?? 0, `${field}.targetPort`),
    ...(appProtocol === undefined
      ? []
      : qualifiedName(appProtocol).map((text) => invalid(`${field}.appProtocol`, appProtocol, text))),
  ];
}

function affinityErrors({ sessionAffinity, sessionAffinityConfig: config }: ServiceSpec): FieldError[] {
  const field = 'spec.sessionAffinityConfig';
  const seconds = config?.clientIP?.timeoutSeconds;
  const path = `${field}.clientIP.timeoutSeconds`;
  return [
    ...oneOf(sessionAffinity, ['ClientIP', 'None'], 'spec.sessionAffinity'),
    ...(sessionAffinity === 'ClientIP' && seconds === undefined
      ? [required(path, 'when session affinity type is ClientIP')]
      : []),
    ...(sessionAffinity === 'ClientIP' && seconds !== undefined && (seconds <= 0 || seconds > longestAffinity)
      ? [invalid(path, seconds, `must be greater than 0 and less than ${longestAffinity}`)]
      : []),
    ...(sessionAffinity === 'None' && config
      ? [forbidden(field, 'must not be set when session affinity is None')]
      : []),
  ];
}

/** What addresses and families must be, whoever gives them; `existing` ones may be of any form (ValidateServiceClusterIPsRelatedFields). */
export function addressErrors(spec: ServiceSpec, existing: readonly string[] = []): FieldError[] {
  if (spec.type === 'ExternalName') return [];
  const { clusterIP = '', clusterIPs = [], ipFamilies = [], ipFamilyPolicy } = spec;
  const field = 'spec.clusterIPs';
  return [
    ...(clusterIP && clusterIPs.length === 0 ? [required(field)] : []),
    ...(clusterIP && clusterIPs.length > 0 && clusterIPs[0] !== clusterIP
      ? [invalid(field, clusterIPs, 'first value must match `clusterIP`')]
      : []),
    ...(clusterIP === '' && clusterIPs.length > 0
      ? [invalid(field, clusterIPs, 'must be empty when `clusterIP` is not specified')]
      : []),
    ...ipFamilies.flatMap((family, index) => [
      ...(families.includes(family) ? [] : [notSupported(`spec.ipFamilies[${index}]`, family, families)]),
      ...(ipFamilies.indexOf(family) < index ? [duplicate(`spec.ipFamilies[${index}]`, family)] : []),
    ]),
    ...(ipFamilyPolicy === undefined || familyPolicies.includes(ipFamilyPolicy)
      ? []
      : [notSupported('spec.ipFamilyPolicy', ipFamilyPolicy, familyPolicies)]),
    ...clusterAddressErrors(spec, existing),
  ];
}

function clusterAddressErrors(
  { clusterIPs: addresses = [], ipFamilies = [] }: ServiceSpec,
  existing: readonly string[],
): FieldError[] {
  const field = 'spec.clusterIPs';
  const isHeadlessAlone = addresses[0] === 'None' && addresses.length === 1;
  if (isHeadlessAlone) return [];
  const wrong = addresses.flatMap((address, index) =>
    index === 0 && address === 'None'
      ? [invalid(field, addresses, "'None' must be the first and only value")]
      : existing.includes(address)
        ? []
        : validateIp(address, `${field}[${index}]`),
  );
  const many = addresses.length > 2 ? [invalid(field, addresses, 'may only hold up to 2 values')] : [];
  if (wrong.length > 0) return [...wrong, ...many];
  return [
    ...many,
    ...(addresses.length > 1 ? sameFamilyErrors(addresses) : []),
    ...addresses.flatMap((address, index) => {
      const family = ipFamilies[index];
      if (!family || !families.includes(family) || isIpv6Address(address) === (family === 'IPv6')) return [];
      const text = `expected an ${family} value as indicated by \`ipFamilies[${index}]\``;
      return [invalid(`${field}[${index}]`, address, text)];
    }),
  ];
}

function sameFamilyErrors(addresses: readonly string[]): FieldError[] {
  const field = 'spec.clusterIPs';
  // What a service had it may have again, None among others too.
  const none = addresses.findIndex((address) => !isIpAddress(address));
  const kinds = new Set(addresses.map(isIpv6Address));
  return [
    ...(none >= 0
      ? [internalError(field, `failed to check for dual stack with error:invalid IP[${none}]: ${addresses[none]}`)]
      : []),
    ...(none >= 0 || kinds.size < 2
      ? [invalid(field, addresses, 'may specify no more than one IP for each IP family')]
      : []),
  ];
}

function portClashes({ type, ports = [] }: ServiceSpec): FieldError[] {
  const nodePorts = new Set<string>();
  const numbers = new Set<string>();
  const clusterOnly = ports.flatMap(({ nodePort }, index) =>
    type === 'ClusterIP' && nodePort
      ? [forbidden(`spec.ports[${index}].nodePort`, "may not be used when `type` is 'ClusterIP'")]
      : [],
  );
  const sameNodePort = ports.flatMap(({ protocol, nodePort }, index) => {
    if (!nodePort) return [];
    const key = `${protocol}/${nodePort}`;
    const errors = nodePorts.has(key) ? [duplicate(`spec.ports[${index}].nodePort`, nodePort)] : [];
    nodePorts.add(key);
    return errors;
  });
  const samePort = ports.flatMap(({ protocol = '', port }, index) => {
    const key = `${protocol}/${port}`;
    const value = { Name: '', Protocol: protocol, AppProtocol: null, Port: port, TargetPort: 0, NodePort: 0 };
    const errors = numbers.has(key) ? [duplicate(`spec.ports[${index}]`, value)] : [];
    numbers.add(key);
    return errors;
  });
  return [...clusterOnly, ...sameNodePort, ...samePort];
}

function balancerErrors(spec: ServiceSpec): FieldError[] {
  const { type, loadBalancerSourceRanges: ranges = [], allocateLoadBalancerNodePorts } = spec;
  const only = "may only be used when `type` is 'LoadBalancer'";
  const balanced = type === 'LoadBalancer';
  return [
    // The capital letter is upstream's.
    ...(ranges.length > 0 && !balanced ? [forbidden('spec.LoadBalancerSourceRanges', only)] : []),
    ...ranges.flatMap((range, index) => validateCidr(range.trim(), `spec.LoadBalancerSourceRanges[${index}]`)),
    ...(allocateLoadBalancerNodePorts !== undefined && !balanced
      ? [forbidden('spec.allocateLoadBalancerNodePorts', only)]
      : []),
    ...loadBalancerClassErrors(spec),
  ];
}

export function loadBalancerClassErrors({ type, loadBalancerClass: name }: ServiceSpec): FieldError[] {
  if (name === undefined) return [];
  const field = 'spec.loadBalancerClass';
  if (type !== 'LoadBalancer') return [forbidden(field, "may only be used when `type` is 'LoadBalancer'")];
  return qualifiedName(name).map((text) => invalid(field, name, text));
}

function trafficErrors(spec: ServiceSpec): FieldError[] {
  const { type, externalTrafficPolicy: external, internalTrafficPolicy: internal, trafficDistribution } = spec;
  const policies = ['Cluster', 'Local'];
  return [
    ...(isExternal(spec) ? oneOf(external, policies, 'spec.externalTrafficPolicy') : []),
    ...(!isExternal(spec) && external
      ? [invalid('spec.externalTrafficPolicy', external, 'may only be set for externally-accessible services')]
      : []),
    ...healthPortErrors(spec),
    ...(type === 'ExternalName' && internal === undefined
      ? []
      : internal === ''
        ? [notSupported('spec.internalTrafficPolicy', '', policies)]
        : oneOf(internal, policies, 'spec.internalTrafficPolicy')),
    ...(trafficDistribution === undefined || distributions.includes(trafficDistribution)
      ? []
      : [notSupportedPlain('spec.trafficDistribution', trafficDistribution, distributions)]),
  ];
}

/** Whether load balancers ask each node for its own health, on a port of its own. */
export function isHealthChecked({ type, externalTrafficPolicy }: ServiceSpec): boolean {
  return type === 'LoadBalancer' && externalTrafficPolicy === 'Local';
}

function healthPortErrors(spec: ServiceSpec): FieldError[] {
  const { healthCheckNodePort: port = 0 } = spec;
  const field = 'spec.healthCheckNodePort';
  if (isHealthChecked(spec)) return port === 0 ? [] : portNumber(port).map((text) => invalid(field, port, text));
  const only = "may only be set when `type` is 'LoadBalancer' and `externalTrafficPolicy` is 'Local'";
  return port === 0 ? [] : [invalid(field, port, only)];
}
