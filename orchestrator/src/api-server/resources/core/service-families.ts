import type { ServiceSpec } from '@berth/kube';
import type { FieldError } from '../../resource-definition.ts';
import { semanticEqual } from '../equality.ts';
import { invalid } from '../field.ts';
import { type AddressFamily, familyOf } from '../ip-form.ts';
import { addressErrors } from './service-validation.ts';

/** Families that services have addresses of, the one that they have by themselves first. */
export type ServedFamilies = readonly [AddressFamily, ...AddressFamily[]];

/**
 * A service's families are known before its addresses are; changes `spec` in place (Allocators.initIPFamilyFields). What is told
 * ends the request before all other checks.
 */
export function initFamilies(
  spec: ServiceSpec,
  old: ServiceSpec | undefined,
  served: ServedFamilies,
): readonly FieldError[] {
  if (spec.type === 'ExternalName' || isPreferenceKept(spec, old)) return [];
  spec.ipFamilyPolicy ??= old?.ipFamilyPolicy ?? (isOpenHeadless(spec) ? 'RequireDualStack' : 'SingleStack');
  const unrelated = addressErrors(spec, old?.clusterIPs);
  if (unrelated.length > 0) return unrelated;
  const errors = [...(old ? releaseErrors(spec, old) : []), ...policyErrors(spec), ...inferFamilies(spec, served)];
  if (errors.length > 0) return errors;
  const isOpen = isOpenHeadless(spec);
  const unserved = isOpen ? [] : unservedErrors(spec, served);
  if (unserved.length > 0) return unserved;
  const [first = served[0], ...more] = spec.ipFamilies ?? [];
  const takesBoth = spec.ipFamilyPolicy !== 'SingleStack' && (isOpen || served.length === 2);
  spec.ipFamilies = takesBoth && more.length === 0 ? [first, first === 'IPv4' ? 'IPv6' : 'IPv4'] : [first, ...more];
  return [];
}

/** Headless and for endpoints that somebody else makes, of whatever family. */
function isOpenHeadless({ clusterIP, selector }: ServiceSpec): boolean {
  return clusterIP === 'None' && Object.keys(selector ?? {}).length === 0;
}

/** Such services are not moved between one family and two but by who says so. */
function isPreferenceKept(spec: ServiceSpec, old: ServiceSpec | undefined): boolean {
  const policy = 'PreferDualStack';
  return (
    old?.type === spec.type &&
    old?.ipFamilyPolicy === policy &&
    spec.ipFamilyPolicy === policy &&
    semanticEqual(spec.clusterIPs, old.clusterIPs) &&
    semanticEqual(spec.ipFamilies, old.ipFamilies)
  );
}

/** Who says that one family is enough gives the second up; who gives it up must say so. */
function releaseErrors(spec: ServiceSpec, old: ServiceSpec): FieldError[] {
  const { clusterIPs = [], ipFamilies = [], ipFamilyPolicy } = spec;
  if (ipFamilyPolicy === 'SingleStack') {
    if (semanticEqual(clusterIPs, old.clusterIPs) && clusterIPs.length > 1) spec.clusterIPs = clusterIPs.slice(0, 1);
    if (semanticEqual(ipFamilies, old.ipFamilies) && ipFamilies.length > 1) spec.ipFamilies = ipFamilies.slice(0, 1);
    return [];
  }
  const released = (what: string) =>
    invalid('spec.ipFamilyPolicy', ipFamilyPolicy, `must be 'SingleStack' to release the secondary ${what}`);
  return [
    ...(isReduced(clusterIPs, old.clusterIPs) ? [released('cluster IP')] : []),
    ...(isReduced(ipFamilies, old.ipFamilies) ? [released('IP family')] : []),
  ];
}

/** What is not told is kept. */
function isReduced(next: readonly string[], old: readonly string[] = []): boolean {
  return next.length > 0 && next.length < old.length;
}

function policyErrors({ clusterIPs = [], ipFamilies = [], ipFamilyPolicy }: ServiceSpec): FieldError[] {
  if (ipFamilyPolicy !== 'SingleStack') return [];
  const several = (what: string) =>
    invalid(
      'spec.ipFamilyPolicy',
      ipFamilyPolicy,
      `must be 'RequireDualStack' or 'PreferDualStack' when multiple ${what} are specified`,
    );
  return [
    ...(clusterIPs.length === 2 ? [several('cluster IPs')] : []),
    ...(ipFamilies.length === 2 ? [several('IP families')] : []),
  ];
}

function inferFamilies(spec: ServiceSpec, served: ServedFamilies): FieldError[] {
  const { clusterIPs = [] } = spec;
  if (clusterIPs[0] === 'None') return [];
  const families = [...(spec.ipFamilies ?? [])];
  const errors: FieldError[] = [];
  for (const [index, address] of clusterIPs.entries()) {
    if (index < families.length) continue;
    const family = familyOf(address);
    if (served.includes(family)) families.push(family);
    else errors.push(invalid(`spec.clusterIPs[${index}]`, clusterIPs, `${family} is not configured on this cluster`));
  }
  if (families.length > 0) spec.ipFamilies = families;
  return errors;
}

function unservedErrors({ ipFamilies = [], ipFamilyPolicy }: ServiceSpec, served: ServedFamilies): FieldError[] {
  return [
    ...(ipFamilyPolicy === 'RequireDualStack' && served.length < 2
      ? [invalid('spec.ipFamilyPolicy', ipFamilyPolicy, 'this cluster is not configured for dual-stack services')]
      : []),
    ...ipFamilies.flatMap((family, index) =>
      served.includes(family as AddressFamily)
        ? []
        : [invalid(`spec.ipFamilies[${index}]`, family, 'not configured on this cluster')],
    ),
  ];
}
