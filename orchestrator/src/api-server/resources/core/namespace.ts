import type { Namespace } from '@berth/kube';
import type { AnyObject, FieldError } from '../../resource-definition.ts';
import { invalid } from '../field.ts';
import { qualifiedName } from '../names.ts';
import type { KindRules } from '../rules.ts';

const nameLabel = 'kubernetes.io/metadata.name';
const standardFinalizers = ['kubernetes', 'orphan', 'foregroundDeletion'];

/** Namespaces: kubernetes registry/core/namespace/strategy.go. */
export const namespaceRules: KindRules = {
  cells: { Status: ({ status }) => status?.phase ?? '' },
  rules: {
    nameRule: 'dnsLabel',
    default: (object) => {
      const { metadata, status } = object as Namespace;
      if (metadata.name) metadata.labels = { ...metadata.labels, [nameLabel]: metadata.name };
      if (status) status.phase ??= 'Active';
    },
    prepareForCreate: (object) => {
      const finalizers = (object as Namespace).spec?.finalizers ?? [];
      object['spec'] = { finalizers: finalizers.includes('kubernetes') ? finalizers : [...finalizers, 'kubernetes'] };
      object['status'] = { phase: 'Active' };
    },
    prepareForUpdate: (next, old) => {
      next['spec'] = structuredClone(old['spec']);
    },
    validate: (object) => finalizerErrors(object, () => 'spec.finalizers'),
    validateStatusUpdate: (next) => phaseErrors(next as Namespace),
    selectableFields: { 'status.phase': ({ status }) => status?.phase ?? '' },
    subresources: {
      finalize: {
        prepareForUpdate: (next, old) => {
          next['status'] = structuredClone(old['status']);
        },
        validateUpdate: (next) => finalizerErrors(next, (index) => `spec.finalizers[${index}]`),
      },
    },
  },
};

function finalizerErrors(object: AnyObject, fieldOf: (index: number) => string): FieldError[] {
  return ((object as Namespace).spec?.finalizers ?? []).flatMap((name, index) => {
    const field = fieldOf(index);
    const text = 'name is neither a standard finalizer name nor is it fully qualified';
    return [
      ...qualifiedName(name).map((complaint) => invalid(field, name, complaint)),
      ...(name.includes('/') || standardFinalizers.includes(name) ? [] : [invalid(field, name, text)]),
    ];
  });
}

function phaseErrors({ metadata, status }: Namespace): FieldError[] {
  const deleted = metadata.deletionTimestamp !== undefined;
  const phase = deleted ? 'Terminating' : 'Active';
  if (status?.phase === phase) return [];
  const text = `may only be '${phase}' if \`deletionTimestamp\` is ${deleted ? 'not ' : ''}empty`;
  return [invalid('status.Phase', status?.phase ?? '', text)];
}
