import type { EndpointAddress, EndpointPort, EndpointSubset, Endpoints } from '@berth/kube';
import type { AnyObject, FieldError } from '../../resource-definition.ts';
import { invalid, notSupported, required } from '../field.ts';
import { validateEndpointIp, validateIp } from '../ip.ts';
import { dns1123Label, dns1123Subdomain, portNumber, qualifiedName } from '../names.ts';
import type { KindRules } from '../rules.ts';

const protocols = ['SCTP', 'TCP', 'UDP'];
/** How many addresses a table shows. */
const shown = 3;

export const endpointsRules: KindRules = {
  cells: { Endpoints: ({ subsets }) => summary(subsets ?? []) },
  rules: {
    default: (object) => {
      for (const { ports = [] } of (object as Endpoints).subsets ?? [])
        for (const port of ports) port.protocol ??= 'TCP';
    },
    validate,
  },
};

function summary(subsets: readonly EndpointSubset[]): string {
  if (subsets.length === 0) return '<none>';
  const all = subsets.flatMap(({ addresses = [], ports = [] }) =>
    ports.length === 0
      ? addresses.map(({ ip }) => ip)
      : ports.flatMap(({ port }) =>
          addresses.map(({ ip }) => (ip.includes(':') ? `[${ip}]:${port}` : `${ip}:${port}`)),
        ),
  );
  return more(all);
}

export function more(all: readonly string[]): string {
  const list = all.slice(0, shown).join(',');
  return all.length > shown ? `${list} + ${all.length - shown} more...` : list;
}

function validate(object: AnyObject): FieldError[] {
  return ((object as Endpoints).subsets ?? []).flatMap((subset, index) => {
    const field = `subsets[${index}]`;
    const { addresses = [], notReadyAddresses = [], ports = [] } = subset;
    return [
      ...(addresses.length + notReadyAddresses.length > 0
        ? []
        : [required(field, 'must specify `addresses` or `notReadyAddresses`')]),
      ...addresses.flatMap((address, at) => addressErrors(address, `${field}.addresses[${at}]`)),
      ...notReadyAddresses.flatMap((address, at) => addressErrors(address, `${field}.notReadyAddresses[${at}]`)),
      ...ports.flatMap((port, at) => portErrors(port, `${field}.ports[${at}]`, ports.length > 1)),
    ];
  });
}

function addressErrors({ ip = '', hostname, nodeName }: EndpointAddress, field: string): FieldError[] {
  return [
    ...validateIp(ip, `${field}.ip`),
    ...(hostname ? dns1123Label(hostname).map((text) => invalid(`${field}.hostname`, hostname, text)) : []),
    ...(nodeName === undefined
      ? []
      : dns1123Subdomain(nodeName).map((text) => invalid(`${field}.nodeName`, nodeName, text))),
    ...validateEndpointIp(ip, `${field}.ip`),
  ];
}

function portErrors({ name, port, protocol, appProtocol }: EndpointPort, field: string, named: boolean): FieldError[] {
  return [
    ...(named && !name ? [required(`${field}.name`)] : []),
    ...(name ? dns1123Label(name).map((text) => invalid(`${field}.name`, name, text)) : []),
    ...portNumber(port).map((text) => invalid(`${field}.port`, port, text)),
    ...(protocols.includes(protocol ?? '') ? [] : [notSupported(`${field}.protocol`, protocol ?? '', protocols)]),
    ...(appProtocol === undefined
      ? []
      : qualifiedName(appProtocol).map((text) => invalid(`${field}.appProtocol`, appProtocol, text))),
  ];
}
