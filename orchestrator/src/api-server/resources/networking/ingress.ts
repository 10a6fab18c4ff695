import {
  type HTTPIngressPath,
  type Ingress,
  type IngressBackend,
  type IngressLoadBalancerIngress,
  type IngressRule,
  type IngressSpec,
  withSentEmpty,
} from '@berth/kube';
import type { AnyObject, FieldError } from '../../resource-definition.ts';
import { more } from '../core/endpoints.ts';
import { hostnameErrors } from '../core/service-update.ts';
import { invalid, notSupported, required } from '../field.ts';
import { validateIp } from '../ip.ts';
import { isIpAddress } from '../ip-form.ts';
import { dns1123Label, dns1123Subdomain, portName, portNumber, wildcardSubdomain } from '../names.ts';
import type { KindRules } from '../rules.ts';
import { typedReferenceErrors } from './typed-reference.ts';

const classAnnotation = 'kubernetes.io/ingress.class';
const pathTypes = ['Exact', 'ImplementationSpecific', 'Prefix'];
const addressWidth = 16;

export const ingressRules: KindRules = {
  generation: { initial: true, of: ({ spec }) => spec },
  cells: {
    Class: ({ spec }) => spec?.ingressClassName ?? '<none>',
    Hosts: ({ spec }) => more((spec?.rules ?? []).flatMap(({ host }: IngressRule) => host || [])) || '*',
    Address: (object) => addresses(object as Ingress),
    Ports: ({ spec }) => (spec?.tls?.length ? '80, 443' : '80'),
  },
  rules: {
    validate,
    validateStatusUpdate: ({ status }) =>
      ((status?.loadBalancer?.ingress ?? []) as IngressLoadBalancerIngress[]).flatMap(({ ip, hostname }, index) => {
        const field = `status.loadBalancer.ingress[${index}]`;
        return [...(ip ? validateIp(ip, `${field}.ip`) : []), ...hostnameErrors(hostname ?? '', `${field}.hostname`)];
      }),
  },
};

function addresses({ status }: Ingress): string {
  const all = (status?.loadBalancer?.ingress ?? []).flatMap(({ ip, hostname }) => ip || hostname || []);
  const text = [...new Set(all)].sort().join(',');
  return text.length > addressWidth ? `${text.slice(0, addressWidth - 3)}...` : text;
}

function validate(object: AnyObject, old?: AnyObject): FieldError[] {
  const spec: IngressSpec = (object as Ingress).spec ?? {};
  const { rules = [], defaultBackend, tls = [], ingressClassName: name } = spec;
  const annotated = object.metadata.annotations?.[classAnnotation];
  return [
    ...(rules.length === 0 && !defaultBackend
      ? [invalid('spec', withSentEmpty(spec, 'rules') ?? null, 'either `defaultBackend` or `rules` must be specified')]
      : []),
    ...(defaultBackend ? backendErrors(defaultBackend, 'spec.defaultBackend') : []),
    ...rules.flatMap((rule, index) => ruleErrors(rule, `spec.rules[${index}]`)),
    ...tls.flatMap(({ hosts = [], secretName }, index) => [
      ...hosts.flatMap((host, at) => hostErrors(host, `spec.tls[${index}].hosts[${at}]`)),
      ...(secretName
        ? dns1123Subdomain(secretName).map((text) => invalid(`spec.tls[${index}].secretName`, secretName, text))
        : []),
    ]),
    ...(name === undefined ? [] : dns1123Subdomain(name).map((text) => invalid('spec.ingressClassName', name, text))),
    ...(!old && annotated !== undefined && name !== undefined && annotated !== name
      ? [invalid(`annotations.${classAnnotation}`, annotated, 'must match `ingressClassName` when both are specified')]
      : []),
  ];
}

function hostErrors(host: string, field: string): FieldError[] {
  const complaints = host.includes('*') ? wildcardSubdomain(host) : dns1123Subdomain(host);
  return complaints.map((text) => invalid(field, host, text));
}

function ruleErrors({ host = '', http }: IngressRule, field: string): FieldError[] {
  const list = `${field}.http.paths`;
  return [
    ...(isIpAddress(host) ? [invalid(`${field}.host`, host, 'must be a DNS name, not an IP address')] : []),
    ...(host ? hostErrors(host, `${field}.host`) : []),
    ...(http && (http.paths ?? []).length === 0 ? [required(list)] : []),
    ...(http?.paths ?? []).flatMap((path, index) => pathErrors(path, `${list}[${index}]`)),
  ];
}

function pathErrors({ path = '', pathType, backend }: HTTPIngressPath, field: string): FieldError[] {
  if (pathType === undefined) return [required(`${field}.pathType`, 'pathType must be specified')];
  const at = `${field}.path`;
  const absolute = path.startsWith('/') ? [] : [invalid(at, path, 'must be an absolute path')];
  return [
    ...(pathTypes.includes(pathType) ? [] : [notSupported(`${field}.pathType`, pathType, pathTypes)]),
    ...(pathType === 'ImplementationSpecific' && path ? absolute : []),
    ...(pathType === 'Exact' || pathType === 'Prefix' ? [...absolute, ...sequenceErrors(path, at)] : []),
    ...backendErrors(backend, `${field}.backend`),
  ];
}

function sequenceErrors(path: string, field: string): FieldError[] {
  return [
    ...['//', '/./', '/../', '%2f', '%2F']
      .filter((text) => path.includes(text))
      .map((text) => invalid(field, path, `must not contain '${text}'`)),
    ...['/..', '/.']
      .filter((text) => path.endsWith(text))
      .map((text) => invalid(field, path, `cannot end with '${text}'`)),
  ];
}

function backendErrors({ service, resource }: IngressBackend, field: string): FieldError[] {
  if (service && resource) return [invalid(field, '', 'cannot set both resource and service backends')];
  if (resource) return typedReferenceErrors(resource, `${field}.resource`);
  if (!service) return [invalid(field, '', 'resource or service backend is required')];
  return [
    ...(service.name
      ? dns1123Label(service.name).map((text) => invalid(`${field}.service.name`, service.name, text))
      : [required(`${field}.service.name`)]),
    ...backendPortErrors(service.port ?? {}, field),
  ];
}

function backendPortErrors({ name, number }: { name?: string; number?: number }, field: string): FieldError[] {
  if (name && number) return [invalid(field, '', 'cannot set both port name & port number')];
  if (name) return portName(name).map((text) => invalid(`${field}.service.port.name`, name, text));
  if (number) return portNumber(number).map((text) => invalid(`${field}.service.port.number`, number, text));
  return [required(field, 'port name or number is required')];
}
