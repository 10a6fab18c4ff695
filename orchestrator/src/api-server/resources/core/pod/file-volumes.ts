import type { DownwardAPIVolumeFile, KeyToPath, ProjectedVolumeSource, VolumeProjection } from '@berth/kube';
import type { FieldError } from '../../../resource-definition.ts';
import { forbidden, invalid, required } from '../../field.ts';
import { validateLabelSelector } from '../../label-selector.ts';
import { nonReservedPath } from '../../paths.ts';
import { validateFieldRef, validateResourceFieldRef, volumeFieldPaths } from './downward-refs.ts';

export function fileModeErrors(mode: number | undefined, field: string): FieldError[] {
  if (mode === undefined || (mode >= 0 && mode <= 0o777)) return [];
  return [invalid(field, mode, 'must be a number between 0 and 0777 (octal), both inclusive')];
}

export function validateKeyToPaths(items: readonly KeyToPath[] = [], field: string): FieldError[] {
  return items.flatMap((item, index) => validateKeyToPath(item, `${field}[${index}]`));
}

function validateKeyToPath({ key, path, mode }: KeyToPath, field: string): FieldError[] {
  return [
    ...(key ? [] : [required(`${field}.key`)]),
    ...(path ? [] : [required(`${field}.path`)]),
    ...nonReservedPath(path ?? '', `${field}.path`),
    ...fileModeErrors(mode, `${field}.mode`),
  ];
}

/** Upstream names the list, not the item, in these errors. */
export function validateDownwardFiles(files: readonly DownwardAPIVolumeFile[], field: string): FieldError[] {
  return files.flatMap((file) => [
    ...(file.path ? [] : [required(`${field}.path`)]),
    ...nonReservedPath(file.path ?? '', `${field}.path`),
    ...downwardRefErrors(file, field),
    ...fileModeErrors(file.mode, `${field}.mode`),
  ]);
}

function downwardRefErrors({ fieldRef, resourceFieldRef }: DownwardAPIVolumeFile, field: string): FieldError[] {
  if (fieldRef)
    return [
      ...validateFieldRef(fieldRef, volumeFieldPaths, `${field}.fieldRef`),
      ...(resourceFieldRef
        ? [invalid(field, 'resource', 'fieldRef and resourceFieldRef can not be specified simultaneously')]
        : []),
    ];
  if (resourceFieldRef) return validateResourceFieldRef(resourceFieldRef, `${field}.resourceFieldRef`, true);
  return [required(field, 'one of fieldRef and resourceFieldRef is required')];
}

/** Each source has one type, and no two write the same path (validateProjectedVolumeSource). */
export function validateProjected(projected: ProjectedVolumeSource, field: string): FieldError[] {
  const taken = new Set<string>();
  const claim = (path: string | undefined, named: string): FieldError[] => {
    if (!path) return [];
    if (taken.has(path)) return [invalid(field, named, 'conflicting duplicate paths')];
    taken.add(path);
    return [];
  };
  return [
    ...fileModeErrors(projected.defaultMode, `${field}.defaultMode`),
    ...(projected.sources ?? []).flatMap((source, index) =>
      validateProjection(source, { field: `${field}.sources[${index}]`, parent: field, claim }),
    ),
  ];
}

interface ProjectionContext {
  readonly field: string;
  readonly parent: string;
  readonly claim: (path: string | undefined, named: string) => FieldError[];
}

function validateProjection(source: VolumeProjection, context: ProjectionContext): FieldError[] {
  const { field, claim } = context;
  const errors: FieldError[] = [];
  for (const type of ['secret', 'configMap'] as const) {
    const items = source[type];
    if (!items) continue;
    if (!items.name) errors.push(required(`${field}.${type}.name`));
    for (const [index, item] of (items.items ?? []).entries())
      errors.push(
        ...validateKeyToPath(item, `${field}.${type}.items[${index}]`),
        ...claim(item.path, items.name ?? ''),
      );
  }
  for (const file of source.downwardAPI?.items ?? [])
    errors.push(...validateDownwardFiles([file], `${field}.downwardAPI`), ...claim(file.path, file.path));
  errors.push(...tokenErrors(source, context), ...trustBundleErrors(source, context));
  if (Object.keys(source).length > 1)
    errors.push(forbidden(field, 'may not specify more than 1 volume type per source'));
  return errors;
}

function tokenErrors(
  { serviceAccountToken: token }: VolumeProjection,
  { field, parent }: ProjectionContext,
): FieldError[] {
  if (!token) return [];
  const path = `${field}.serviceAccountToken.expirationSeconds`;
  const seconds = token.expirationSeconds ?? 0;
  return [
    ...(seconds < 600 ? [invalid(path, seconds, 'may not specify a duration less than 10 minutes')] : []),
    ...(seconds > 2 ** 32 ? [invalid(path, seconds, 'may not specify a duration larger than 2^32 seconds')] : []),
    ...(token.path ? nonReservedPath(token.path, `${parent}.path`) : [required(`${parent}.path`)]),
  ];
}

function trustBundleErrors({ clusterTrustBundle: bundle }: VolumeProjection, context: ProjectionContext): FieldError[] {
  if (!bundle) return [];
  const path = `${context.field}.clusterTrustBundle`;
  return [
    ...bundleSelectionErrors(bundle, path),
    ...(bundle.path ? [] : [required(`${path}.path`)]),
    ...nonReservedPath(bundle.path ?? '', `${path}.path`),
    ...context.claim(bundle.path, bundle.path),
  ];
}

function bundleSelectionErrors(
  bundle: NonNullable<VolumeProjection['clusterTrustBundle']>,
  path: string,
): FieldError[] {
  const { name, signerName, labelSelector } = bundle;
  if (name !== undefined && signerName !== undefined)
    return [invalid(path, bundle, 'only one of name and signerName may be used')];
  if (name !== undefined)
    return [
      ...(name ? [] : [required(`${path}.name`, 'must be a valid object name')]),
      ...(labelSelector
        ? [invalid(`${path}.labelSelector`, labelSelector, 'labelSelector must be unset if name is specified')]
        : []),
    ];
  if (signerName === undefined) return [required(path, 'either name or signerName must be specified')];
  return [
    ...(signerName ? [] : [required(`${path}.signerName`, 'must be a valid signer name')]),
    ...validateLabelSelector(labelSelector, `${path}.labelSelector`),
  ];
}
