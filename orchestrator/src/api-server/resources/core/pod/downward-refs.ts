import type { ObjectFieldSelector, ResourceFieldSelector } from '@berth/kube';
import type { FieldError } from '../../../resource-definition.ts';
import { invalid, notSupportedPlain, required } from '../../field.ts';
import { qualifiedName } from '../../names.ts';
import { canonicalQuantity, compareQuantities } from '../../quantity.ts';

export const volumeFieldPaths: readonly string[] = [
  'metadata.annotations',
  'metadata.labels',
  'metadata.name',
  'metadata.namespace',
  'metadata.uid',
];

export const envFieldPaths: readonly string[] = [
  'metadata.name',
  'metadata.namespace',
  'metadata.uid',
  'spec.nodeName',
  'spec.serviceAccountName',
  'status.hostIP',
  'status.hostIPs',
  'status.podIP',
  'status.podIPs',
];

/** All paths a fieldRef can be converted from; beyond them the error names the conversion, not the place. */
const known = new Set([...volumeFieldPaths, ...envFieldPaths, 'spec.restartPolicy', 'spec.schedulerName', 'spec.host']);

export function validateFieldRef(ref: ObjectFieldSelector, paths: readonly string[], field: string): FieldError[] {
  if (!ref.apiVersion) return [required(`${field}.apiVersion`)];
  if (!ref.fieldPath) return [required(`${field}.fieldPath`)];
  const subscripted = /^([^[]+)\['(.*)'\]$/.exec(ref.fieldPath);
  const [, path, subscript] = subscripted ?? [];
  if (ref.apiVersion !== 'v1') return [conversionError(ref, `unsupported pod version: ${ref.apiVersion}`, field)];
  if (path !== undefined && subscript !== undefined) return subscriptErrors(ref, { path, subscript, field });
  if (!known.has(ref.fieldPath)) return [conversionError(ref, `field label not supported: ${ref.fieldPath}`, field)];
  return paths.includes(ref.fieldPath) ? [] : [notSupportedPlain(`${field}.fieldPath`, ref.fieldPath, paths)];
}

function conversionError(ref: ObjectFieldSelector, reason: string, field: string): FieldError {
  return invalid(`${field}.fieldPath`, ref.fieldPath, `error converting fieldPath: ${reason}`);
}

function subscriptErrors(
  ref: ObjectFieldSelector,
  { path, subscript, field }: { path: string; subscript: string; field: string },
): FieldError[] {
  if (path !== 'metadata.annotations' && path !== 'metadata.labels')
    return [conversionError(ref, `field label does not support subscript: ${ref.fieldPath}`, field)];
  const key = path === 'metadata.annotations' ? subscript.toLowerCase() : subscript;
  return qualifiedName(key).map((text) => invalid(field, key, text));
}

const resourcePaths: readonly string[] = [
  'limits.cpu',
  'limits.ephemeral-storage',
  'limits.memory',
  'requests.cpu',
  'requests.ephemeral-storage',
  'requests.memory',
];

export function validateResourceFieldRef(ref: ResourceFieldSelector, field: string, inVolume: boolean): FieldError[] {
  return [...resourceErrors(ref, field, inVolume), ...divisorErrors(ref, field)];
}

function resourceErrors(ref: ResourceFieldSelector, field: string, inVolume: boolean): FieldError[] {
  if (inVolume && !ref.containerName) return [required(`${field}.containerName`)];
  if (!ref.resource) return [required(`${field}.resource`)];
  if (resourcePaths.includes(ref.resource) || /^(requests|limits)\.hugepages-/.test(ref.resource)) return [];
  return [notSupportedPlain(`${field}.resource`, ref.resource, resourcePaths)];
}

const byteDivisors = ['1', '1k', '1M', '1G', '1T', '1P', '1E', '1Ki', '1Mi', '1Gi', '1Ti', '1Pi', '1Ei'];

function divisorErrors({ resource = '', divisor = '0' }: ResourceFieldSelector, field: string): FieldError[] {
  if (compareQuantities(divisor, 0) === 0) return [];
  const value = canonicalQuantity(divisor);
  if (resource.endsWith('.cpu'))
    return ['1m', '1'].includes(value)
      ? []
      : [invalid(`${field}.divisor`, resource, "only divisor's values 1m and 1 are supported with the cpu resource")];
  const named = divisorNames.find(([pattern]) => pattern.test(resource))?.[1];
  if (named === undefined || byteDivisors.includes(value)) return [];
  const text = `only divisor's values ${byteDivisors.join(', ')} are supported with the ${named} resource`;
  return [invalid(`${field}.divisor`, resource, text)];
}

const divisorNames: readonly (readonly [RegExp, string])[] = [
  [/\.memory$/, 'memory'],
  [/\.ephemeral-storage$/, 'local ephemeral storage'],
  [/\.hugepages-/, 'hugepages'],
];
