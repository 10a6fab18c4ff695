import {
  type IngressClass,
  type IngressClassParametersReference,
  type IPAddress,
  type ParentReference,
  type ServiceCIDR,
  withSentEmpty,
} from '@berth/kube';
import type { FieldError, TableColumn } from '../../resource-definition.ts';
import { genericCells } from '../columns.ts';
import { forbidden, invalid, notSupportedPlain, required, tooLong } from '../field.ts';
import { validateCanonicalCidr, validateCanonicalIp } from '../ip.ts';
import { rangeOf } from '../ip-form.ts';
import { immutable } from '../metadata.ts';
import { dns1123Label, dns1123Subdomain, pathSegment } from '../names.ts';
import { domainPrefixedPath } from '../paths.ts';
import type { KindRules } from '../rules.ts';
import { typedReferenceErrors } from './typed-reference.ts';

const defaultClass = 'ingressclass.kubernetes.io/is-default-class';
const longestController = 250;

export const ingressClassRules: KindRules = {
  generation: { initial: true, of: ({ spec }) => spec },
  cells: {
    Name: ({ metadata }) =>
      metadata.annotations?.[defaultClass] === 'true' ? `${metadata.name} (default)` : (metadata.name ?? ''),
    Controller: ({ spec }) => spec?.controller ?? '',
    Parameters: ({ spec }) => parameters(spec?.parameters),
  },
  rules: {
    default: (object) => {
      const reference = (object as IngressClass).spec?.parameters;
      if (reference) reference.scope ??= 'Cluster';
    },
    validate: (object) => {
      const { controller = '', parameters: reference } = (object as IngressClass).spec ?? {};
      return [
        ...(controller.length > longestController ? [tooLong('spec.controller', longestController)] : []),
        ...domainPrefixedPath(controller, 'spec.controller'),
        ...(reference ? referenceErrors(reference) : []),
      ];
    },
    validateChangeFirst: (next, old) =>
      immutable(next['spec']?.controller ?? '', old['spec']?.controller ?? '', 'spec.controller'),
  },
};

function parameters(reference: IngressClassParametersReference | undefined): string {
  if (!reference) return '<none>';
  return `${reference.kind}${reference.apiGroup === undefined ? '' : `.${reference.apiGroup}`}/${reference.name}`;
}

function referenceErrors(reference: IngressClassParametersReference): FieldError[] {
  const field = 'spec.parameters';
  const { scope, namespace } = reference;
  return [
    ...typedReferenceErrors(reference, field),
    ...(scope === 'Cluster' || scope === 'Namespace'
      ? []
      : [notSupportedPlain(`${field}.scope`, scope ?? '', ['Cluster', 'Namespace'])]),
    ...(scope === 'Namespace' && namespace === undefined
      ? [required(`${field}.namespace`, "`parameters.scope` is set to 'Namespace'")]
      : []),
    ...(scope === 'Namespace' && namespace !== undefined
      ? dns1123Label(namespace).map((text) => invalid(`${field}.namespace`, namespace, text))
      : []),
    ...(scope === 'Cluster' && namespace !== undefined
      ? [forbidden(`${field}.namespace`, "`parameters.scope` is set to 'Cluster'")]
      : []),
  ];
}

/** Allocated addresses; the name is the address, and who holds it does not change. */
export const ipAddressRules: KindRules = {
  cells: { ParentRef: (object) => parent(object as IPAddress) },
  cellsBeyond: [genericCells['Age'] as TableColumn['cell']],
  rules: {
    nameRule: 'any',
    validate: (object) => {
      const { name = '', generateName = '' } = object.metadata;
      const reference = (object as IPAddress).spec?.parentRef;
      return [
        ...(generateName === '' ? [] : validateCanonicalIp(generateName, 'metadata.generateName')),
        ...(name === '' ? [] : validateCanonicalIp(name, 'metadata.name')),
        ...(reference ? parentErrors(reference, 'spec.parentRef') : [required('spec.parentRef')]),
      ];
    },
    validateUpdate: (next, old) =>
      immutable(shownParent(next as IPAddress), shownParent(old as IPAddress), 'spec.parentRef'),
  },
};

/** Of the unversioned form. */
function shownParent({ spec }: IPAddress): object | undefined {
  if (!spec?.parentRef) return undefined;
  const { group = '', resource = '', namespace = '', name = '' } = spec.parentRef;
  return { Group: group, Resource: resource, Namespace: namespace, Name: name };
}

function parentErrors({ group, resource, namespace, name }: ParentReference, field: string): FieldError[] {
  const segment = (value: string, path: string) => pathSegment(value).map((text) => invalid(path, value, text));
  return [
    ...(group ? dns1123Subdomain(group).map((text) => invalid(`${field}.group`, group, text)) : []),
    ...(resource ? segment(resource, `${field}.resource`) : [required(`${field}.resource`)]),
    ...(name ? segment(name, `${field}.name`) : [required(`${field}.name`)]),
    ...(namespace ? segment(namespace, `${field}.namespace`) : []),
  ];
}

function parent({ spec }: IPAddress): string {
  if (!spec?.parentRef) return '<none>';
  const { group, resource, namespace, name } = spec.parentRef;
  const qualified = group ? `${resource}.${group}` : resource;
  return [qualified?.toLowerCase(), namespace, name].filter(Boolean).join('/');
}

export const serviceCidrRules: KindRules = {
  statusKeepsMetadata: true,
  cells: { CIDRs: ({ spec }) => spec?.cidrs?.join(',') ?? '' },
  rules: {
    // Ranges that stand in the store change in one way only, of which the update's own rule knows.
    validate: (object, old) => (old ? [] : cidrErrors((object as ServiceCIDR).spec?.cidrs ?? [])),
    validateUpdate: (next, old) =>
      changedCidrErrors(
        withSentEmpty((next as ServiceCIDR).spec ?? {}, 'cidrs') as string[] | undefined,
        (old as ServiceCIDR).spec?.cidrs ?? [],
      ),
  },
};

function cidrErrors(cidrs: readonly string[]): FieldError[] {
  if (cidrs.length === 0) return [required('spec.cidrs', 'at least one CIDR required')];
  if (cidrs.length > 2) return [invalid('spec.cidrs', { CIDRs: cidrs }, 'may only hold up to 2 values')];
  const families = new Set(cidrs.map(familyOf));
  const words = 'may specify no more than one IP for each IP family, i.e 192.168.0.0/24 and 2001:db8::/64';
  return [
    ...cidrs.flatMap((cidr, index) => validateCanonicalCidr(cidr, `spec.cidrs[${index}]`)),
    ...(cidrs.length === 2 && families.size === 1 && !families.has(undefined)
      ? [invalid('spec.cidrs', cidrs, words)]
      : []),
  ];
}

/** Nothing of what is no range. */
function familyOf(cidr: string): 4 | 6 | undefined {
  const range = rangeOf(cidr);
  return range && (range.network.includes(':') ? 6 : 4);
}

/** One range may get a second one beside it (ValidateServiceCIDRUpdate). */
function changedCidrErrors(next: readonly string[] | undefined, old: readonly string[]): FieldError[] {
  const count = next?.length ?? 0;
  const grows = old.length === 1 && count === 2;
  if (!next || (count !== old.length && !grows)) return immutable(next, old, 'spec.cidrs');
  return [
    ...old.flatMap((cidr, index) => immutable(next[index], cidr, `spec.cidrs[${index}]`)),
    ...(grows ? cidrErrors(next) : []),
  ];
}
