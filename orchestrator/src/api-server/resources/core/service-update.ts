import type { LoadBalancerIngress, Service, ServiceSpec } from '@berth/kube';
import type { FieldError } from '../../resource-definition.ts';
import { forbidden, invalid, notSupported, required } from '../field.ts';
import { validateIp } from '../ip.ts';
import { isIpAddress } from '../ip-form.ts';
import { dns1123Subdomain } from '../names.ts';
import { isHeadless, isHealthChecked, loadBalancerClassErrors } from './service-validation.ts';

/** What a service has been given stays while it needs any (ValidateServiceUpdate). */
export function validateServiceUpdate({ spec = {} }: Service, { spec: old = {} }: Service): FieldError[] {
  return [
    ...addressErrors(spec, old),
    ...(spec.type === 'LoadBalancer' && old.type === 'LoadBalancer' && spec.loadBalancerClass !== old.loadBalancerClass
      ? [invalid('spec.loadBalancerClass', spec.loadBalancerClass, 'may not change once set')]
      : []),
    ...loadBalancerClassErrors(spec),
    ...(isHealthChecked(spec) && isHealthChecked(old) && spec.healthCheckNodePort !== old.healthCheckNodePort
      ? [forbidden('spec.healthCheckNodePort', 'field is immutable')]
      : []),
  ];
}

function addressErrors(spec: ServiceSpec, old: ServiceSpec): FieldError[] {
  if (spec.type === 'ExternalName' || old.type === 'ExternalName') return [];
  if (isHeadless(spec) && isHeadless(old)) return [];
  return [
    ...listErrors('clusterIPs', spec, old),
    ...(isHeadless(spec) === isHeadless(old) ? listErrors('ipFamilies', spec, old) : []),
  ];
}

/** A second value may come and go, the first stays (validateUpgradeDowngradeClusterIPs, validateUpgradeDowngradeIPFamilies). */
function listErrors(name: 'clusterIPs' | 'ipFamilies', spec: ServiceSpec, old: ServiceSpec): FieldError[] {
  const now = spec[name] ?? [];
  const before = old[name] ?? [];
  const field = `spec.${name}`;
  const what = name === 'clusterIPs' ? 'clusterIP' : 'ipFamily';
  const changed = (index: number, shown: readonly string[]) =>
    invalid(`${field}[${index}]`, shown, 'may not change once set');
  if (now.length === before.length)
    return before.flatMap((value, index) =>
      now[index] === value ? [] : [changed(name === 'clusterIPs' ? index : 0, now)],
    );
  const [first] = before;
  return [
    ...(now.length === 0 ? [invalid(`${field}[0]`, now, `primary ${what} can not be unset`)] : []),
    // Upstream shows the addresses in either case.
    ...(now.length > 0 && before.length > 0 && now[0] !== first ? [changed(0, spec.clusterIPs ?? [])] : []),
    ...(now.length === 1 && before.length > 1 && spec.ipFamilyPolicy !== 'SingleStack'
      ? [
          invalid(
            'spec.ipFamilyPolicy',
            spec.ipFamilyPolicy,
            `must be set to 'SingleStack' when releasing the secondary ${what}`,
          ),
        ]
      : []),
  ];
}

export function validateServiceStatus({ spec = {}, status }: Service): FieldError[] {
  const field = 'status.loadBalancer.ingress';
  const ingress = status?.loadBalancer?.ingress ?? [];
  if (spec.type !== 'LoadBalancer' && ingress.length > 0)
    return [forbidden(field, "may only be used when `spec.type` is 'LoadBalancer'")];
  return ingress.flatMap((entry, index) => [
    ...ingressErrors(entry, `${field}[${index}]`),
    ...hostnameErrors(entry.hostname ?? '', `${field}[${index}].hostname`),
  ]);
}

function ingressErrors({ ip = '', ipMode }: LoadBalancerIngress, field: string): FieldError[] {
  const modes = ['Proxy', 'VIP'];
  const path = `${field}.ipMode`;
  const errors = ip ? validateIp(ip, `${field}.ip`) : [];
  if (ipMode === undefined) return ip ? [...errors, required(path, 'must be specified when `ip` is set')] : [];
  if (!ip) return [forbidden(path, 'may not be specified when `ip` is not set')];
  return modes.includes(ipMode) ? errors : [...errors, notSupported(path, ipMode, modes)];
}

export function hostnameErrors(hostname: string, field: string): FieldError[] {
  if (!hostname) return [];
  return [
    ...dns1123Subdomain(hostname).map((text) => invalid(field, hostname, text)),
    ...(isIpAddress(hostname) ? [invalid(field, hostname, 'must be a DNS name, not an IP address')] : []),
  ];
}
