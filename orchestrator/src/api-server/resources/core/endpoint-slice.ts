import type { Endpoint, DiscoveryV1EndpointPort as EndpointPort, EndpointSlice } from '@berth/kube';
import type { AnyObject, FieldError } from '../../resource-definition.ts';
import { semanticEqual } from '../equality.ts';
import { duplicate, invalid, notSupported, required, tooMany } from '../field.ts';
import { validateCanonicalIp, validateEndpointIp, validateIp } from '../ip.ts';
import { isIpv4Address } from '../ip-form.ts';
import { immutable } from '../metadata.ts';
import { dns1123Label, dns1123Subdomain, labelValue, qualifiedName } from '../names.ts';
import type { KindRules } from '../rules.ts';
import { more } from './endpoints.ts';

const addressTypes = ['FQDN', 'IPv4', 'IPv6'];
const protocols = ['SCTP', 'TCP', 'UDP'];
const limits = { endpoints: 1000, addresses: 100, ports: 20_000, hints: 8 } as const;

/** EndpointSlices: apis/discovery/validation; labels count for the generation too. */
export const endpointSliceRules: KindRules = {
  generation: {
    initial: true,
    countsDropped: true,
    of: ({ addressType, endpoints, ports, metadata }) => ({ addressType, endpoints, ports, labels: metadata.labels }),
  },
  cells: {
    AddressType: ({ addressType }) => addressType ?? '',
    Ports: ({ ports }) => more((ports ?? []).map((port: EndpointPort) => `${port.port ?? '*'}`)) || '<unset>',
    Endpoints: ({ endpoints }) => more((endpoints ?? []).flatMap((e: Endpoint) => e.addresses)) || '<unset>',
  },
  rules: {
    default: (object) => {
      for (const port of (object as EndpointSlice).ports ?? []) {
        port.name ??= '';
        port.protocol ??= 'TCP';
      }
    },
    validate,
    validateUpdate: (next, old) => immutable(next['addressType'], old['addressType'], 'addressType'),
  },
};

function validate(object: AnyObject, old?: AnyObject): FieldError[] {
  const { addressType } = object as EndpointSlice;
  const endpoints = (object as EndpointSlice).endpoints ?? [];
  const ports = (object as EndpointSlice).ports ?? [];
  // Those of older versions stay good as long as nobody changes them.
  const wrong =
    endpoints.length > limits.endpoints
      ? [tooMany('endpoints', endpoints.length, limits.endpoints)]
      : endpoints.flatMap((endpoint, index) => endpointErrors(endpoint, addressType, `endpoints[${index}]`));
  return [
    ...(addressType ? [] : [required('addressType')]),
    ...(addressType && !addressTypes.includes(addressType)
      ? [notSupported('addressType', addressType, addressTypes)]
      : []),
    ...(ports.length > limits.ports ? [tooMany('ports', ports.length, limits.ports)] : portErrors(ports)),
    ...(wrong.length > 0 && old && semanticEqual(endpoints, old['endpoints'] ?? []) ? [] : wrong),
  ];
}

function portErrors(ports: readonly EndpointPort[]): FieldError[] {
  return ports.flatMap(({ name = '', protocol, appProtocol }, index) => {
    const field = `ports[${index}]`;
    return [
      ...(name ? dns1123Label(name).map((text) => invalid(`${field}.name`, name, text)) : []),
      ...(ports.findIndex((other) => (other.name ?? '') === name) < index ? [duplicate(`${field}.name`, name)] : []),
      ...(protocols.includes(protocol ?? '') ? [] : [notSupported(`${field}.protocol`, protocol ?? '', protocols)]),
      ...(appProtocol === undefined
        ? []
        : qualifiedName(appProtocol).map((text) => invalid(`${field}.appProtocol`, appProtocol, text))),
    ];
  });
}

function endpointErrors(endpoint: Endpoint, type: string, field: string): FieldError[] {
  const { addresses = [], nodeName, hostname } = endpoint;
  const list = `${field}.addresses`;
  return [
    ...(addresses.length > 0 ? [] : [required(list, 'must contain at least 1 address')]),
    ...(addresses.length > limits.addresses ? [tooMany(list, addresses.length, limits.addresses)] : []),
    ...addresses.flatMap((address, index) => addressErrors(address, type, { list, index })),
    ...(nodeName === undefined
      ? []
      : dns1123Subdomain(nodeName).map((text) => invalid(`${field}.nodeName`, nodeName, text))),
    ...(hostname === undefined
      ? []
      : dns1123Label(hostname).map((text) => invalid(`${field}.hostname`, hostname, text))),
    ...hintErrors(endpoint.hints?.forZones, { list: `${field}.hints.forZones`, rule: labelValue }),
    ...((endpoint.hints?.forZones?.length ?? 0) > limits.hints
      ? []
      : hintErrors(endpoint.hints?.forNodes, { list: `${field}.hints.forNodes`, rule: dns1123Subdomain })),
  ];
}

/** For whom an endpoint is meant (validateHints). */
function hintErrors(
  hints: readonly { readonly name?: string }[] = [],
  { list, rule }: { readonly list: string; readonly rule: (name: string) => readonly string[] },
): FieldError[] {
  if (hints.length > limits.hints) return [tooMany(list, hints.length, limits.hints)];
  return hints.flatMap(({ name = '' }, index) => {
    const field = `${list}[${index}].name`;
    const repeated = hints.findIndex((other) => (other.name ?? '') === name) < index;
    return [...(repeated ? [duplicate(field, name)] : []), ...rule(name).map((text) => invalid(field, name, text))];
  });
}

function addressErrors(address: string, type: string, { list, index }: { list: string; index: number }): FieldError[] {
  const field = `${list}[${index}]`;
  if (type === 'FQDN') return domainErrors(address, field);
  if (type !== 'IPv4' && type !== 'IPv6') return [];
  const errors = type === 'IPv6' ? validateCanonicalIp(address, field) : validateIp(address, field);
  if (errors.length > 0) return errors;
  return [
    ...(isIpv4Address(address) === (type === 'IPv4') ? [] : [invalid(list, address, `must be an ${type} address`)]),
    ...validateEndpointIp(address, field),
  ];
}

/** A name of two parts or more (IsFullyQualifiedDomainName). */
function domainErrors(address: string, field: string): FieldError[] {
  if (address === '') return [required(field)];
  const name = address.replace(/\.$/, '');
  const texts = dns1123Subdomain(name);
  if (texts.length > 0) return [invalid(field, name, texts.join(','))];
  const labels = name.split('.');
  if (labels.length < 2)
    return [invalid(field, name, 'should be a domain with at least two segments separated by dots')];
  const wrong = labels.find((label) => dns1123Label(label).length > 0);
  return wrong === undefined ? [] : [invalid(field, wrong, dns1123Label(wrong).join(','))];
}
