import type { ResourceRequirements } from '@berth/kube';
import type { FieldError } from '../../../resource-definition.ts';
import { duplicate, forbidden, invalid, notFound, notSupported, required } from '../../field.ts';
import { nonNegativeQuantity } from '../../metadata.ts';
import { dns1123Label, qualifiedName } from '../../names.ts';
import { canonicalQuantity, compareQuantities, findQuantity, isWholeQuantity, parseQuantity } from '../../quantity.ts';

const containerResources = new Set(['cpu', 'memory', 'ephemeral-storage']);

/** Names without a prefix that quotas, nodes and limits may use (helper.standardResources). */
const standardResources = new Set([
  ...containerResources,
  'requests.cpu',
  'requests.memory',
  'requests.ephemeral-storage',
  'limits.cpu',
  'limits.memory',
  'limits.ephemeral-storage',
  'pods',
  'resourcequotas',
  'services',
  'replicationcontrollers',
  'secrets',
  'persistentvolumeclaims',
  'configmaps',
  'requests.storage',
  'storage',
  'services.nodeports',
  'services.loadbalancers',
]);

const integerResources = new Set([
  'pods',
  'resourcequotas',
  'services',
  'replicationcontrollers',
  'secrets',
  'configmaps',
  'persistentvolumeclaims',
  'services.nodeports',
  'services.loadbalancers',
]);

export function isHugePages(name: string): boolean {
  return name.startsWith('hugepages-');
}

/** The same as a quota may say it (IsQuotaHugePageResourceName). */
export function isQuotaHugePages(name: string): boolean {
  return isHugePages(name) || name.startsWith('requests.hugepages-');
}

/** A resource Kubernetes itself knows: without prefix, or under its own domain. */
export function isNativeResource(name: string): boolean {
  return !name.includes('/') || name.includes('kubernetes.io/');
}

export function isExtendedResource(name: string): boolean {
  if (isNativeResource(name) || name.startsWith('requests.')) return false;
  return qualifiedName(`requests.${name}`).length === 0;
}

export function validateResourceName(name: string, field: string): FieldError[] {
  const errors = qualifiedName(name).map((text) => invalid(field, name, text));
  if (errors.length > 0 || name.includes('/') || standardResources.has(name) || isQuotaHugePages(name)) return errors;
  return [invalid(field, name, 'must be a standard resource type or fully qualified')];
}

export function validateContainerResourceName(name: string, field: string): FieldError[] {
  const errors = validateResourceName(name, field);
  if (!name.includes('/'))
    return containerResources.has(name) || isHugePages(name)
      ? errors
      : [...errors, invalid(field, name, 'must be a standard resource for containers')];
  if (isNativeResource(name) || isExtendedResource(name)) return errors;
  return [...errors, invalid(field, name, "doesn't follow extended resource name standard")];
}

/** Not below zero, and whole where only whole numbers mean something. */
export function validateResourceValue(name: string, value: string, field: string): FieldError[] {
  return [
    ...nonNegativeQuantity(value, field),
    ...((integerResources.has(name) || isExtendedResource(name)) && !isWholeQuantity(value)
      ? [invalid(field, value, 'must be an integer')]
      : []),
  ];
}

interface ResourceContext {
  readonly claimNames: ReadonlySet<string>;
  /** Which names there may be; those of containers, if it is not said. */
  readonly checkName?: (name: string, field: string) => FieldError[];
}

/** Limits and requests of a container or pod (validateResourceRequirements). */
export function validateResources(
  requirements: ResourceRequirements | undefined,
  field: string,
  { claimNames, checkName = validateContainerResourceName }: ResourceContext,
): FieldError[] {
  if (!requirements) return [];
  const { limits = {}, requests = {} } = requirements;
  const valueErrors = (name: string, value: string, path: string) => [
    ...checkName(name, path),
    ...validateResourceValue(name, value, path),
    ...hugePageErrors(name, value, path),
  ];
  const names = [...Object.keys(limits), ...Object.keys(requests)];
  const onlyHugePages = names.some(isHugePages) && !names.some((name) => name === 'cpu' || name === 'memory');
  return [
    ...Object.entries(limits).flatMap(([name, value]) => valueErrors(name, value, `${field}.limits[${name}]`)),
    ...Object.entries(requests).flatMap(([name, value]) => [
      ...valueErrors(name, value, `${field}.requests[${name}]`),
      ...overLimit(name, value, limits, field),
    ]),
    ...(onlyHugePages ? [forbidden(field, 'HugePages require cpu or memory')] : []),
    ...claimErrors(requirements.claims ?? [], `${field}.claims`, claimNames),
  ];
}

/** What a pod as a whole may ask for (validatePodResourceName). */
export function validatePodResourceName(name: string, field: string): FieldError[] {
  const errors = validateResourceName(name, field);
  const supported = ['cpu', 'hugepages-', 'memory'];
  if (errors.length > 0 || name === 'cpu' || name === 'memory' || isHugePages(name)) return errors;
  return [notSupported(field, name, supported)];
}

function hugePageErrors(name: string, value: string, field: string): FieldError[] {
  const size = /^hugepages-(.*)$/.exec(name)?.[1];
  if (size === undefined) return [];
  const page = findQuantity(size);
  const isPage = page !== undefined && page.sign > 0 && page.milliValue() % 1000n === 0n;
  if (isPage && parseQuantity(value).value() % page.value() === 0n) return [];
  const text = canonicalQuantity(value);
  return [invalid(field, text, `${text} is not positive integer multiple of ${name}`)];
}

function overLimit(name: string, value: string, limits: Readonly<Record<string, string>>, field: string): FieldError[] {
  const limit = limits[name];
  const overcommit = isNativeResource(name) && !isHugePages(name);
  if (limit === undefined)
    return overcommit ? [] : [required(`${field}.limits`, 'Limit must be set for non overcommitable resources')];
  const order = compareQuantities(value, limit);
  const text = canonicalQuantity(value);
  if (order !== 0 && !overcommit)
    return [invalid(`${field}.requests`, text, `must be equal to ${name} limit of ${canonicalQuantity(limit)}`)];
  if (order <= 0) return [];
  const words = `must be less than or equal to ${name} limit of ${canonicalQuantity(limit)}`;
  return [invalid(`${field}.requests`, text, words)];
}

function claimErrors(
  claims: readonly { name: string; request?: string }[],
  field: string,
  claimNames: ReadonlySet<string>,
): FieldError[] {
  const seen = new Set<string>();
  return claims.flatMap(({ name, request }, index) => {
    const path = `${field}[${index}]`;
    if (!name) return [required(path)];
    const key = request ? `${name}/${request}` : name;
    const errors = [
      ...(request ? dns1123Label(request).map((text) => invalid(`${path}.request`, request, text)) : []),
      ...(seen.has(key) || seen.has(name) ? [duplicate(path, key)] : []),
      ...(claimNames.has(name) ? [] : [notFound(path, name, unknownClaim(claimNames))]),
    ];
    seen.add(key);
    return errors;
  });
}

function unknownClaim(claimNames: ReadonlySet<string>): string {
  const text = 'must be one of the names in pod.spec.resourceClaims';
  return claimNames.size === 0 ? `${text} which is empty` : `${text}: ${[...claimNames].sort().join(', ')}`;
}
