import { BlockList, isIPv4 } from 'node:net';
import type { IPBlock, NetworkPolicy, NetworkPolicyPeer, NetworkPolicyPort, NetworkPolicySpec } from '@berth/kube';
import type { AnyObject, FieldError } from '../../resource-definition.ts';
import { forbidden, invalid, notSupported, required } from '../field.ts';
import { validateCidr } from '../ip.ts';
import { rangeOf } from '../ip-form.ts';
import { formatSelector, validateLabelSelector } from '../label-selector.ts';
import { portName, portNumber } from '../names.ts';
import type { KindRules } from '../rules.ts';

const protocols = ['TCP', 'UDP', 'SCTP'];
const policyTypes = ['Ingress', 'Egress'];

export const networkPolicyRules: KindRules = {
  generation: { initial: true, of: ({ spec }) => spec, exactly: 'spec' },
  cells: { 'Pod-Selector': ({ spec }) => formatSelector(spec?.podSelector) },
  rules: {
    default: (object) => {
      const spec = (object as NetworkPolicy).spec as NetworkPolicySpec;
      for (const { ports = [] } of [...(spec.ingress ?? []), ...(spec.egress ?? [])])
        for (const port of ports) port.protocol ??= 'TCP';
      if (!spec.policyTypes?.length) spec.policyTypes = spec.egress?.length ? ['Ingress', 'Egress'] : ['Ingress'];
    },
    validate,
  },
};

function validate(object: AnyObject): FieldError[] {
  const spec = (object as NetworkPolicy).spec as NetworkPolicySpec;
  const types = spec.policyTypes ?? [];
  return [
    ...validateLabelSelector(spec.podSelector, 'spec.podSelector'),
    ...(spec.ingress ?? []).flatMap(({ ports = [], from = [] }, index) => [
      ...ports.flatMap((port, at) => portErrors(port, `spec.ingress[${index}].ports[${at}]`)),
      ...from.flatMap((peer, at) => peerErrors(peer, `spec.ingress[${index}].from[${at}]`)),
    ]),
    ...(spec.egress ?? []).flatMap(({ ports = [], to = [] }, index) => [
      ...ports.flatMap((port, at) => portErrors(port, `spec.egress[${index}].ports[${at}]`)),
      ...to.flatMap((peer, at) => peerErrors(peer, `spec.egress[${index}].to[${at}]`)),
    ]),
    ...(types.length > policyTypes.length
      ? [invalid('spec.policyTypes', types, 'may not specify more than two policyTypes')]
      : types.flatMap((type, index) =>
          policyTypes.includes(type) ? [] : [notSupported(`spec.policyTypes[${index}]`, type, policyTypes)],
        )),
  ];
}

function portErrors({ protocol, port, endPort }: NetworkPolicyPort, field: string): FieldError[] {
  const path = `${field}.endPort`;
  return [
    ...(protocol === undefined || protocols.includes(protocol)
      ? []
      : [notSupported(`${field}.protocol`, protocol, protocols)]),
    ...(port === undefined && endPort !== undefined
      ? [invalid(path, endPort, 'may not be specified when `port` is not specified')]
      : []),
    ...(typeof port === 'string' && endPort !== undefined
      ? [invalid(path, endPort, 'may not be specified when `port` is non-numeric')]
      : []),
    ...(typeof port === 'string' ? portName(port).map((text) => invalid(`${field}.port`, port, text)) : []),
    ...(typeof port === 'number' ? portNumber(port).map((text) => invalid(`${field}.port`, port, text)) : []),
    ...(typeof port === 'number' && endPort !== undefined && endPort < port
      ? [invalid(path, port, 'must be greater than or equal to `port`')]
      : []),
    ...(typeof port === 'number' && endPort !== undefined
      ? portNumber(endPort).map((text) => invalid(path, endPort, text))
      : []),
  ];
}

function peerErrors({ podSelector, namespaceSelector, ipBlock }: NetworkPolicyPeer, field: string): FieldError[] {
  return [
    ...validateLabelSelector(podSelector, `${field}.podSelector`),
    ...validateLabelSelector(namespaceSelector, `${field}.namespaceSelector`),
    ...(ipBlock ? blockErrors(ipBlock, `${field}.ipBlock`) : []),
    ...(podSelector || namespaceSelector || ipBlock ? [] : [required(field, 'must specify a peer')]),
    ...(ipBlock && (podSelector || namespaceSelector)
      ? [forbidden(field, 'may not specify both ipBlock and another peer')]
      : []),
  ];
}

function blockErrors({ cidr, except = [] }: IPBlock, field: string): FieldError[] {
  if (!cidr) return [required(`${field}.cidr`)];
  const errors = validateCidr(cidr, `${field}.cidr`);
  const network = rangeOf(cidr)?.network;
  // What can be read is compared, however it is written.
  if (network === undefined) return errors;
  const wrong = except.flatMap((range, index) => {
    const path = `${field}.except[${index}]`;
    const inner = rangeOf(range)?.network;
    const isStrange = inner !== undefined && !isWithin(inner, network);
    return [
      ...validateCidr(range, path),
      ...(isStrange ? [invalid(path, range, 'must be a strict subset of `cidr`')] : []),
    ];
  });
  return [...errors, ...wrong];
}

function isWithin(inner: string, outer: string): boolean {
  const [address, length] = inner.split('/') as [string, string];
  const [network, outerLength] = outer.split('/') as [string, string];
  const family = isIPv4(network) ? 'ipv4' : 'ipv6';
  if (isIPv4(address) !== isIPv4(network) || Number(length) <= Number(outerLength)) return false;
  const block = new BlockList();
  block.addSubnet(network, Number(outerLength), family);
  return block.check(address, family);
}
