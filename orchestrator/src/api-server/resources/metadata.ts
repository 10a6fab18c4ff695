import { groupVersionOf, type ManagedFieldsEntry, type ObjectMeta, type OwnerReference } from '@berth/kube';
import { managerErrors } from '../apply/manager-name.ts';
import type { AnyObject, FieldError, Rules } from '../resource-definition.ts';
import { semanticEqual } from './equality.ts';
import { child, forbidden, invalid, required, tooLong } from './field.ts';
import { validateLabels } from './label-selector.ts';
import {
  dns1035Label,
  dns1123Label,
  dns1123Subdomain,
  longName,
  pathSegment,
  pathSegmentBeginning,
  qualifiedName,
} from './names.ts';
import { canonicalQuantity, compareQuantities } from './quantity.ts';

export type NameRule = NonNullable<Rules['nameRule']>;
type NameCheck = (name: string) => readonly string[];

const nameChecks: Readonly<Record<NameRule, NameCheck>> = {
  any: () => [],
  dnsSubdomain: dns1123Subdomain,
  longName,
  deviceClassName: longName,
  dnsLabel: dns1123Label,
  dns1035Label,
  pathSegment,
  // Beginnings too (ValidateRBACName).
  rbacName: pathSegment,
};

/** Of beginnings less is asked; what is declared of names says nothing of theirs. */
const beginnings: Readonly<Partial<Record<NameRule, NameCheck>>> = {
  longName: nameChecks.any,
  deviceClassName: pathSegmentBeginning,
  pathSegment: pathSegmentBeginning,
};

/** All keys and values together (apimachinery TotalAnnotationSizeLimitB). */
const annotationsLimit = 256 * 1024;

/** What every object's metadata must fulfil (apimachinery ValidateObjectMeta); names are already generated. */
export function validateObjectMeta(object: AnyObject, namespaced: boolean, rule: NameRule): FieldError[] {
  const { metadata } = object;
  const check = nameChecks[rule];
  const checkBeginning = beginnings[rule] ?? check;
  const generateName = metadata.generateName ?? '';
  return [
    ...(generateName === ''
      ? []
      : checkBeginning(maskTrailingDash(generateName)).map((text) =>
          invalid('metadata.generateName', generateName, text),
        )),
    ...nameErrors(metadata.name ?? '', check),
    ...namespaceErrors(metadata.namespace ?? '', namespaced),
    ...nonNegative(metadata.generation ?? 0, 'metadata.generation'),
    ...validateLabels(metadata.labels, 'metadata.labels'),
    ...validateAnnotations(metadata.annotations, 'metadata.annotations'),
    ...validateOwnerReferences(metadata.ownerReferences ?? []),
    ...validateFinalizers(metadata.finalizers ?? []),
    ...validateManagedFields(metadata.managedFields ?? []),
  ];
}

const standardFinalizers = new Set(['kubernetes', 'orphan', 'foregroundDeletion']);

/** A finalizer of nobody's is refused (core validation ValidateFinalizerName). */
export function validateStandardFinalizers({ metadata: { finalizers = [] } }: AnyObject): FieldError[] {
  const why = 'name is neither a standard finalizer name nor is it fully qualified';
  return finalizers.flatMap((name, index) =>
    name.includes('/') || standardFinalizers.has(name) ? [] : [invalid(`metadata.finalizers[${index}]`, name, why)],
  );
}

function nameErrors(name: string, check: NameCheck): FieldError[] {
  if (name === '') return [required('metadata.name', 'name or generateName is required')];
  return check(name).map((text) => invalid('metadata.name', name, text));
}

/** A generated name continues after its prefix, so that a trailing dash is no error (upstream's own way of hiding it). */
function maskTrailingDash(name: string): string {
  return name.length > 1 && name.endsWith('-') ? `${name.slice(0, -2)}a` : name;
}

function namespaceErrors(namespace: string, namespaced: boolean): FieldError[] {
  if (!namespaced) return namespace === '' ? [] : [forbidden('metadata.namespace', 'not allowed on this type')];
  if (namespace === '') return [required('metadata.namespace')];
  return dns1123Label(namespace).map((text) => invalid('metadata.namespace', namespace, text));
}

export function validateAnnotations(annotations: Readonly<Record<string, string>> = {}, field: string): FieldError[] {
  const entries = Object.entries(annotations);
  const size = entries.reduce((sum, [key, value]) => sum + Buffer.byteLength(key) + Buffer.byteLength(value), 0);
  return [
    ...entries.flatMap(([key]) => qualifiedName(key.toLowerCase()).map((text) => invalid(field, key, text))),
    ...(size > annotationsLimit ? [tooLong(field, annotationsLimit)] : []),
  ];
}

/** In the order of Go's struct. */
export function shownReference({
  apiVersion = '',
  kind = '',
  name = '',
  uid = '',
  controller,
  blockOwnerDeletion,
}: OwnerReference) {
  return { apiVersion, kind, name, uid, controller, blockOwnerDeletion };
}

function validateOwnerReferences(references: readonly OwnerReference[]): FieldError[] {
  const field = 'metadata.ownerReferences';
  let controller = '';
  // Printed once: each reference too many shows all of them.
  let shown: FieldError | undefined;
  return references.flatMap((reference) => {
    const errors = ownerErrors(reference, field);
    if (reference.controller !== true) return errors;
    const current = `${reference.kind}/${reference.name}`;
    if (controller === '') controller = current;
    else {
      shown ??= invalid(field, references.map(shownReference), '');
      const why = `Only one reference can have Controller set to true. Found "true" in references for ${controller} and ${current}`;
      errors.push({ ...shown, message: `${shown.message}: ${why}` });
    }
    return errors;
  });
}

function ownerErrors(reference: OwnerReference, field: string): FieldError[] {
  const empty = (name: 'kind' | 'name' | 'uid') =>
    reference[name] ? [] : [invalid(child(field, name), reference[name] ?? '', 'must not be empty')];
  const { version } = groupVersionOf(reference.apiVersion ?? '');
  return [
    ...(version ? [] : [invalid(child(field, 'apiVersion'), reference.apiVersion ?? '', 'version must not be empty')]),
    ...empty('kind'),
    ...empty('name'),
    ...empty('uid'),
    ...(reference.apiVersion === 'v1' && reference.kind === 'Event'
      ? [invalid(field, reference, '/v1, Kind=Event is disallowed from being an owner')]
      : []),
  ];
}

function validateFinalizers(finalizers: readonly string[]): FieldError[] {
  const field = 'metadata.finalizers';
  const both = finalizers.includes('orphan') && finalizers.includes('foregroundDeletion');
  return [
    ...finalizers.flatMap((name) => qualifiedName(name).map((text) => invalid(field, name, text))),
    ...(both ? [invalid(field, finalizers, 'finalizer orphan and foregroundDeletion cannot be both set')] : []),
  ];
}

const longestSubresource = 256;

/** Who is said to own fields (ValidateManagedFields); what else is wrong there makes it as if it were not sent. */
function validateManagedFields(entries: readonly ManagedFieldsEntry[]): FieldError[] {
  return entries.flatMap(({ manager = '', subresource = '' }, i) => [
    ...managerErrors(manager, `metadata.managedFields[${i}].manager`),
    ...(Buffer.byteLength(subresource) > longestSubresource
      ? [tooLong(`metadata.managedFields[${i}].subresource`, longestSubresource)]
      : []),
  ]);
}

/** Metadata an update may not change (apimachinery ValidateObjectMetaUpdate). */
export function validateObjectMetaUpdate(next: AnyObject, old: AnyObject): FieldError[] {
  const { metadata } = next;
  const before = old.metadata;
  const fixed = (name: keyof ObjectMeta) => immutable(metadata[name], before[name], `metadata.${name}`);
  return [
    ...(before.deletionTimestamp ? noNewFinalizers(metadata.finalizers ?? [], before.finalizers ?? []) : []),
    ...(metadata.resourceVersion ? [] : [invalid('metadata.resourceVersion', '', 'must be specified for an update')]),
    ...((metadata.generation ?? 0) < (before.generation ?? 0)
      ? [invalid('metadata.generation', metadata.generation ?? 0, 'must not be decremented')]
      : []),
    ...fixed('name'),
    ...fixed('namespace'),
    ...fixed('uid'),
    ...fixed('creationTimestamp'),
    ...fixed('deletionTimestamp'),
    ...fixed('deletionGracePeriodSeconds'),
    ...validateLabels(metadata.labels, 'metadata.labels'),
    ...validateAnnotations(metadata.annotations, 'metadata.annotations'),
    ...validateOwnerReferences(metadata.ownerReferences ?? []),
    ...validateManagedFields(metadata.managedFields ?? []),
  ];
}

function noNewFinalizers(next: readonly string[], old: readonly string[]): FieldError[] {
  const extra = [...new Set(next)].filter((name) => !old.includes(name)).sort();
  if (extra.length === 0) return [];
  const list = `[]string{${extra.map((name) => JSON.stringify(name)).join(', ')}}`;
  const detail = `no new finalizers can be added if the object is being deleted, found new finalizers ${list}`;
  return [forbidden('metadata.finalizers', detail)];
}

/** One error where a field that is fixed at creation differs. */
export function immutable(next: unknown, old: unknown, field: string): FieldError[] {
  return semanticEqual(next, old) ? [] : [invalid(field, next, 'field is immutable')];
}

export function nonNegativeQuantity(value: string, field: string): FieldError[] {
  return compareQuantities(value, 0) < 0
    ? [invalid(field, canonicalQuantity(value), 'must be greater than or equal to 0')]
    : [];
}

export function nonNegative(value: number, field: string): FieldError[] {
  return value < 0 ? [invalid(field, value, 'must be greater than or equal to 0')] : [];
}
