import type {
  CustomResourceConversion,
  CustomResourceDefinition,
  CustomResourceDefinitionNames,
  CustomResourceDefinitionSpec,
} from '@berth/kube';
import type { AnyObject, FieldError } from '../../resource-definition.ts';
import { child, invalid, notSupportedPlain, required } from '../../resources/field.ts';
import { immutable } from '../../resources/metadata.ts';
import { dns1035Label, dns1123Subdomain } from '../../resources/names.ts';
import { hasDefault, someSchema } from '../schema/json-schema.ts';
import { approvalErrors } from './approval.ts';
import { isConditionTrue } from './conditions.ts';
import { conversionErrors } from './conversion-errors.ts';
import { internalJson } from './internal-json.ts';
import { type InternalSpec, internalSpec, type VersionParts } from './internal-spec.ts';
import { type SchemaCheck, schemaCheckFor, validationErrors } from './schema-errors.ts';
import { columnErrors, selectableFieldErrors, subresourceErrors } from './version-errors.ts';

/** Everything upstream checks of a new CustomResourceDefinition but its metadata (apiextensions validation). */
export function definitionErrors(object: AnyObject): FieldError[] {
  const { metadata, spec, status } = object as CustomResourceDefinition;
  const wanted = `${spec.names.plural}.${spec.group}`;
  return [
    ...(['generateName', 'name'] as const).flatMap((field) =>
      metadata[field] && metadata[field] !== wanted
        ? [invalid(`metadata.${field}`, metadata[field], 'must be spec.names.plural+"."+spec.group')]
        : [],
    ),
    ...specErrors(spec, undefined),
    ...nameErrors(status?.acceptedNames, 'status.acceptedNames'),
    ...storedVersionErrors(object as CustomResourceDefinition),
    ...approvalErrors(object as CustomResourceDefinition, undefined),
    ...preserveErrors(spec, undefined),
  ];
}

/** The same for a changed one; what was wrong before and stays is let be where upstream lets it. */
export function definitionUpdateErrors(object: AnyObject, before: AnyObject): FieldError[] {
  const next = object as CustomResourceDefinition;
  const old = before as CustomResourceDefinition;
  const established = isConditionTrue(old, 'Established');
  return [
    ...specErrors(next.spec, old),
    ...(established ? immutable(next.spec.scope, old.spec.scope, 'spec.scope') : []),
    ...(established ? immutable(next.spec.names.kind, old.spec.names.kind, 'spec.names.kind') : []),
    ...immutable(next.spec.group, old.spec.group, 'spec.group'),
    ...immutable(next.spec.names.plural, old.spec.names.plural, 'spec.names.plural'),
    ...nameErrors(next.status?.acceptedNames, 'status.acceptedNames'),
    ...storedVersionErrors(next),
    ...approvalErrors(next, old),
    ...preserveErrors(next.spec, old.spec),
  ];
}

function specErrors(spec: CustomResourceDefinitionSpec, old: CustomResourceDefinition | undefined): FieldError[] {
  const check = schemaCheckFor(old?.spec);
  const internal = internalSpec(spec);
  const { top, versions } = internal;
  const hasTopSchema = top.schema?.openAPIV3Schema !== undefined;
  return [
    ...groupErrors(spec.group ?? ''),
    ...scopeErrors(spec.scope ?? ''),
    ...(hasTopSchema || !check.requiresSchema
      ? []
      : versions.flatMap(({ schema }, i) =>
          schema?.openAPIV3Schema ? [] : [required(`spec.versions[${i}].schema.openAPIV3Schema`)],
        )),
    ...(spec.preserveUnknownFields && [top, ...versions].some(hasDefaults)
      ? [invalid('spec.preserveUnknownFields', true, 'must be false in order to use defaults in the schema')]
      : []),
    ...versions.flatMap((version, i) => versionErrors(internal, i, check, version.name ?? '')),
    // Here null is what was not sent.
    ...versionListErrors(internal, ((spec.versions as unknown) ?? undefined) === undefined),
    // The first one stands at the top as well.
    ...versionNameErrors(versions[0]?.name, 'spec.version'),
    ...(['plural', 'singular', 'kind', 'listKind'] as const).flatMap((name) =>
      spec.names[name] ? [] : [required(`spec.names.${name}`)],
    ),
    ...nameErrors(spec.names, 'spec.names'),
    ...partErrors(top, {
      path: 'spec',
      schemaPath: 'spec.validation',
      status: hasAnyStatus(internal),
      check,
      version: versions[0]?.name ?? '',
    }),
    ...(spec.conversion?.strategy !== 'None' && spec.preserveUnknownFields
      ? [
          invalid(
            'spec.conversion.strategy',
            spec.conversion?.strategy,
            'must be None if spec.preserveUnknownFields is true',
          ),
        ]
      : []),
    ...conversionErrors(spec.conversion as CustomResourceConversion | undefined, 'spec.conversion', old),
  ];
}

function groupErrors(group: string): FieldError[] {
  const field = 'spec.group';
  if (group === '') return [required(field)];
  const complaints = dns1123Subdomain(group);
  if (complaints.length > 0) return [invalid(field, group, complaints.join(','))];
  return group.includes('.') ? [] : [invalid(field, group, 'should be a domain with at least one dot')];
}

function scopeErrors(scope: string): FieldError[] {
  const scopes = ['Cluster', 'Namespaced'];
  if (scope === '') return [required('spec.scope')];
  return scopes.includes(scope) ? [] : [notSupportedPlain('spec.scope', scope, scopes)];
}

function versionErrors({ top, versions }: InternalSpec, index: number, check: SchemaCheck, name: string): FieldError[] {
  const version = versions[index] ?? { name };
  const path = `spec.versions[${index}]`;
  const status = Boolean((version.subresources ?? top.subresources)?.status);
  return [
    ...(name === ''
      ? [invalid(`${path}.name`, name, dns1035Label(name).join(','))]
      : versionNameErrors(name, `${path}.name`)),
    ...warningErrors(version.deprecated ?? false, version.deprecationWarning).map((why) =>
      invalid(`${path}.deprecationWarning`, version.deprecationWarning ?? null, why),
    ),
    ...partErrors(version, { path, schemaPath: `${path}.schema`, status, check, version: name }),
  ];
}

function versionNameErrors(name: string | undefined, field: string): FieldError[] {
  const complaints = name ? dns1035Label(name) : [];
  return complaints.length > 0 ? [invalid(field, name, complaints.join(','))] : [];
}

interface PartPlace {
  readonly path: string;
  readonly schemaPath: string;
  /** Whether the status endpoint is on, which asks more of the root of the schema. */
  readonly status: boolean;
  readonly check: SchemaCheck;
  readonly version: string;
}

function partErrors(parts: VersionParts, { path, schemaPath, status, check, version }: PartPlace): FieldError[] {
  const schema = parts.schema?.openAPIV3Schema;
  return [
    ...(schema ? validationErrors(schema, { path: schemaPath, status, check, version }) : []),
    ...subresourceErrors(parts.subresources, child(path, 'subresources')),
    ...(parts.additionalPrinterColumns ?? []).flatMap((column, i) =>
      columnErrors(column, `${path}.additionalPrinterColumns[${i}]`),
    ),
    ...selectableFieldErrors(parts.selectableFields ?? [], schema, path),
  ];
}

function hasAnyStatus({ top, versions }: InternalSpec): boolean {
  return Boolean(top.subresources?.status) || versions.some(({ subresources }) => subresources?.status !== undefined);
}

function versionListErrors({ versions }: InternalSpec, absent: boolean): FieldError[] {
  const field = 'spec.versions';
  const printed = absent ? null : versions.map((version) => internalJson('Version', version));
  const unique = new Set(versions.map(({ name }) => name)).size === versions.length;
  return [
    ...(unique ? [] : [invalid(field, printed, 'must contain unique version names')]),
    ...(versions.filter(({ storage }) => storage).length === 1
      ? []
      : [invalid(field, printed, 'must have exactly one version marked as storage version')]),
  ];
}

function warningErrors(deprecated: boolean, warning: string | undefined): string[] {
  if (warning === undefined) return [];
  if (!deprecated) return ['can only be set for deprecated versions'];
  const unprintable = /[^\p{L}\p{M}\p{N}\p{P}\p{S} ]/u.exec(warning);
  return [
    ...(Buffer.byteLength(warning) > 256 ? ['must be <= 256 characters long'] : []),
    ...(warning === '' ? ['must not be an empty string'] : []),
    ...(unprintable
      ? [
          `must only contain printable UTF-8 characters; non-printable character found at index ${Buffer.byteLength(warning.slice(0, unprintable.index))}`,
        ]
      : []),
  ];
}

export function nameErrors(names: CustomResourceDefinitionNames | undefined, field: string): FieldError[] {
  if (!names) return [];
  const mixed = 'may have mixed case, but should otherwise match: ';
  const check = (value: string | undefined, path: string, prefix = ''): FieldError[] =>
    value ? checkItem(value, path, prefix) : [];
  const checkItem = (value: string, path: string, prefix = ''): FieldError[] => {
    const complaints = dns1035Label(prefix === '' ? value : value.toLowerCase());
    return complaints.length > 0 ? [invalid(path, value, prefix + complaints.join(','))] : [];
  };
  return [
    ...check(names.plural, `${field}.plural`),
    ...check(names.singular, `${field}.singular`),
    ...check(names.kind, `${field}.kind`, mixed),
    ...check(names.listKind, `${field}.listKind`, mixed),
    ...(names.shortNames ?? []).flatMap((value, i) => checkItem(value, `${field}.shortNames[${i}]`)),
    ...(names.kind && names.kind === names.listKind
      ? [invalid(`${field}.listKind`, names.listKind, 'kind and listKind may not be the same')]
      : []),
    ...(names.categories ?? []).flatMap((value, i) => checkItem(value, `${field}.categories[${i}]`)),
  ];
}

function storedVersionErrors({ spec, status }: CustomResourceDefinition): FieldError[] {
  const field = 'status.storedVersions';
  const stored = status?.storedVersions ?? [];
  if (stored.length === 0) return [invalid(field, null, 'must have at least one stored version')];
  const names = (spec.versions ?? []).map(({ name }) => name);
  // Upstream looks for each stored version once: two versions of a name have it between them.
  const storage = (spec.versions ?? []).filter(
    ({ name, storage }, i) => storage && (!stored.includes(name) || names.indexOf(name) < i),
  );
  return [
    ...storage.map(({ name }) => invalid(field, stored, `must have the storage version ${name}`)),
    ...stored.flatMap((name, i) =>
      names.includes(name)
        ? []
        : [
            invalid(
              `${field}[${i}]`,
              name,
              `missing from spec.versions; ${name} was previously a storage version, and must remain in spec.versions until a storage migration ensures no data remains persisted in ${name} and removes ${name} from status.storedVersions`,
            ),
          ],
    ),
  ];
}

function hasDefaults({ schema }: InternalSpec['top']): boolean {
  return someSchema(schema?.openAPIV3Schema, hasDefault);
}

function preserveErrors(
  spec: CustomResourceDefinitionSpec,
  old: CustomResourceDefinitionSpec | undefined,
): FieldError[] {
  if (!spec.preserveUnknownFields || old?.preserveUnknownFields) return [];
  const why = 'cannot set to true, set x-kubernetes-preserve-unknown-fields to true in spec.versions[*].schema instead';
  return [invalid('spec.preserveUnknownFields', true, why)];
}
