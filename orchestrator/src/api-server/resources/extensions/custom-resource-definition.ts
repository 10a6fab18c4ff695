import type {
  CustomResourceDefinition,
  CustomResourceDefinitionNames,
  CustomResourceDefinitionSpec,
  CustomResourceDefinitionVersion,
} from '@berth/kube';
import type { AnyObject, FieldError } from '../../resource-definition.ts';
import { invalid, notSupported, required } from '../field.ts';
import { immutable } from '../metadata.ts';
import { dns1035Label, dns1123Subdomain } from '../names.ts';
import type { KindRules } from '../rules.ts';

/** CustomResourceDefinitions: stored and checked in form; structural schemas and CEL wait for what serves them. */
export const customResourceRules: KindRules = {
  generation: { initial: true, of: ({ spec }) => spec },
  rules: {
    default: (object) => {
      const { spec, status } = object as CustomResourceDefinition;
      spec.names.singular ||= spec.names.kind?.toLowerCase() ?? '';
      if (spec.names.kind) spec.names.listKind ||= `${spec.names.kind}List`;
      spec.conversion ??= { strategy: 'None' };
      if (spec.conversion.webhook?.clientConfig?.service) spec.conversion.webhook.clientConfig.service.port ??= 443;
      if (status && !status.storedVersions?.length) status.storedVersions = storageVersions(spec);
    },
    prepareForUpdate: (next) => {
      const { spec, status } = next as CustomResourceDefinition;
      if (status) status.storedVersions = [...new Set([...(status.storedVersions ?? []), ...storageVersions(spec)])];
    },
    validate,
    validateUpdate: (next, old) => [
      ...immutable(next['spec'].group, old['spec'].group, 'spec.group'),
      ...immutable(next['spec'].names.plural, old['spec'].names.plural, 'spec.names.plural'),
    ],
  },
};

function storageVersions({ versions }: CustomResourceDefinitionSpec): string[] {
  const storage = (versions ?? []).find((version) => version.storage);
  return storage ? [storage.name] : [];
}

function validate(object: AnyObject): FieldError[] {
  const { metadata, spec } = object as CustomResourceDefinition;
  const name = metadata.name ?? '';
  return [
    ...(name === `${spec.names.plural}.${spec.group}`
      ? []
      : [invalid('metadata.name', name, 'must be spec.names.plural+"."+spec.group')]),
    ...groupErrors(spec.group ?? ''),
    ...(['Cluster', 'Namespaced'].includes(spec.scope)
      ? []
      : [spec.scope ? notSupported('spec.scope', spec.scope, ['Cluster', 'Namespaced']) : required('spec.scope')]),
    ...versionErrors(spec.versions ?? []),
    ...nameErrors(spec.names),
  ];
}

function groupErrors(group: string): FieldError[] {
  const field = 'spec.group';
  if (group === '') return [required(field)];
  const complaints = dns1123Subdomain(group);
  if (complaints.length > 0) return [invalid(field, group, complaints.join(','))];
  return group.includes('.') ? [] : [invalid(field, group, 'should be a domain with at least one dot')];
}

function versionErrors(versions: readonly CustomResourceDefinitionVersion[]): FieldError[] {
  const field = 'spec.versions';
  const unique = new Set(versions.map(({ name }) => name)).size === versions.length;
  return [
    ...versions.flatMap(({ schema }, index) =>
      schema?.openAPIV3Schema ? [] : [required(`${field}[${index}].schema.openAPIV3Schema`)],
    ),
    ...versions.flatMap(({ name = '' }, index) => {
      const complaints = dns1035Label(name);
      return complaints.length > 0 ? [invalid(`${field}[${index}].name`, name, complaints.join(','))] : [];
    }),
    ...(unique ? [] : [invalid(field, versions, 'must contain unique version names')]),
    ...(versions.filter(({ storage }) => storage).length === 1
      ? []
      : [invalid(field, versions, 'must have exactly one version marked as storage version')]),
  ];
}

function nameErrors(names: CustomResourceDefinitionNames): FieldError[] {
  const field = 'spec.names';
  const mixed = 'may have mixed case, but should otherwise match: ';
  const check = (value: string, path: string, prefix = ''): FieldError[] => {
    const complaints = dns1035Label(prefix === '' ? value : value.toLowerCase());
    return complaints.length > 0 ? [invalid(path, value, prefix + complaints.join(','))] : [];
  };
  return [
    ...(['plural', 'singular', 'kind', 'listKind'] as const).flatMap((name) => {
      const value = names[name];
      if (!value) return [required(`${field}.${name}`)];
      return check(value, `${field}.${name}`, name === 'kind' || name === 'listKind' ? mixed : '');
    }),
    ...(names.shortNames ?? []).flatMap((value, index) => check(value, `${field}.shortNames[${index}]`)),
    ...(names.kind && names.kind === names.listKind
      ? [invalid(`${field}.listKind`, names.listKind, 'kind and listKind may not be the same')]
      : []),
    ...(names.categories ?? []).flatMap((value, index) => check(value, `${field}.categories[${index}]`)),
  ];
}
