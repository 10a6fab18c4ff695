import { type StorageClass, type TopologySelectorTerm, type VolumeAttributesClass, withSentEmpty } from '@berth/kube';
import type { AnyObject, FieldError } from '../../resource-definition.ts';
import { semanticEqual } from '../equality.ts';
import { duplicate, forbidden, inOrder, invalid, notSupported, required, tooLong } from '../field.ts';
import { validateLabelName } from '../label-selector.ts';
import { qualifiedName } from '../names.ts';
import type { KindRules } from '../rules.ts';

const mostParameters = 512;
const largestParameters = 256 * 1024;
const defaultAnnotations = [
  'storageclass.kubernetes.io/is-default-class',
  'storageclass.beta.kubernetes.io/is-default-class',
];

/** StorageClasses: apis/storage/validation, v1/defaults.go. */
export const storageClassRules: KindRules = {
  cells: {
    Name: ({ metadata }) =>
      defaultAnnotations.some((key) => metadata.annotations?.[key] === 'true')
        ? `${metadata.name} (default)`
        : (metadata.name ?? ''),
    Provisioner: ({ provisioner }) => provisioner ?? '',
    ReclaimPolicy: ({ reclaimPolicy }) => reclaimPolicy ?? 'Delete',
    VolumeBindingMode: ({ volumeBindingMode }) => volumeBindingMode ?? 'Immediate',
    AllowVolumeExpansion: ({ allowVolumeExpansion }) => allowVolumeExpansion ?? false,
  },
  rules: {
    default: (object) => {
      const storageClass = object as StorageClass;
      storageClass.reclaimPolicy ??= 'Delete';
      storageClass.volumeBindingMode ??= 'Immediate';
    },
    validate,
    validateUpdate: (next, old) =>
      ['parameters', 'provisioner', 'reclaimPolicy', 'volumeBindingMode'].flatMap((name) =>
        semanticEqual(next[name], old[name])
          ? []
          : [invalid(name, inOrder(withSentEmpty(next, name)), 'field is immutable')],
      ),
  },
};

function validate(object: AnyObject): FieldError[] {
  const { provisioner, parameters, reclaimPolicy, volumeBindingMode, allowedTopologies } = object as StorageClass;
  return [
    ...provisionerErrors(provisioner, 'provisioner'),
    ...parameterErrors(parameters ?? {}),
    ...(reclaimPolicy === '' ? [] : oneOf(reclaimPolicy, ['Delete', 'Retain'], 'reclaimPolicy')),
    ...oneOf(volumeBindingMode, ['Immediate', 'WaitForFirstConsumer'], 'volumeBindingMode'),
    ...allTopologyErrors(allowedTopologies ?? []),
  ];
}

function oneOf(value: string | undefined, supported: readonly string[], field: string): FieldError[] {
  return value === undefined || supported.includes(value) ? [] : [notSupported(field, value, supported)];
}

function provisionerErrors(name: string | undefined, field: string): FieldError[] {
  if (!name) return [required(field)];
  const lower = name.toLowerCase();
  return qualifiedName(lower).map((text) => invalid(field, lower, text));
}

function parameterErrors(parameters: Readonly<Record<string, string>>): FieldError[] {
  const entries = Object.entries(parameters);
  if (entries.length > mostParameters) return [tooLong('parameters', mostParameters)];
  const size = entries.reduce((sum, [key, value]) => sum + Buffer.byteLength(key) + Buffer.byteLength(value), 0);
  return [
    ...entries.flatMap(([key]) => (key === '' ? [invalid('parameters', key, 'field can not be empty.')] : [])),
    ...(size > largestParameters ? [tooLong('parameters', largestParameters)] : []),
  ];
}

function topologyErrors({ matchLabelExpressions = [] }: TopologySelectorTerm, field: string): FieldError[] {
  const keys = new Set<string>();
  return matchLabelExpressions.flatMap(({ key, values = [] }, index) => {
    const path = `${field}.matchLabelExpressions[${index}]`;
    const repeated = keys.has(key);
    keys.add(key);
    return [
      ...(values.length > 0 ? [] : [required(`${path}.values`)]),
      ...values.flatMap((value, at) => (values.indexOf(value) < at ? [duplicate(`${path}.values[${at}]`, value)] : [])),
      ...validateLabelName(key ?? '', `${path}.key`),
      ...(repeated ? [duplicate(`${path}.key`, key)] : []),
    ];
  });
}

/** Of a thousand terms that ask nothing upstream complains a million times; so many are told. */
const mostRepeats = 10_000;

/** What is wrong with each term, and whether another asked the same before it, in whatever order (validateAllowedTopologies). */
function allTopologyErrors(terms: readonly TopologySelectorTerm[]): FieldError[] {
  const seen = new Map<string, number>();
  let left = mostRepeats;
  return terms.flatMap((term, index) => {
    const field = `allowedTopologies[${index}]`;
    // Of a key that is there again the last values count.
    const asked = new Map(
      (term.matchLabelExpressions ?? []).map(({ key, values = [] }) => [key, [...new Set(values)].sort()]),
    );
    const canonical = JSON.stringify([...asked].sort());
    const same = seen.get(canonical) ?? 0;
    seen.set(canonical, same + 1);
    // Upstream compares with as many that ask nothing as there are terms.
    const count = Math.min(left, same + (asked.size > 0 ? 0 : terms.length));
    left -= count;
    const repeats = Array.from({ length: count }, () => duplicate(`${field}.matchLabelExpressions`, ''));
    return [...topologyErrors(term, field), ...repeats];
  });
}

/** VolumeAttributesClasses never change: a claim is modified by naming another. */
export const attributesClassRules: KindRules = {
  cells: { DriverName: ({ driverName }) => driverName ?? '' },
  rules: {
    validate: (object) => {
      const { driverName, parameters = {} } = object as VolumeAttributesClass;
      return [
        ...provisionerErrors(driverName, 'driverName'),
        ...parameterErrors(parameters),
        ...(Object.keys(parameters).length > 0
          ? []
          : [required('parameters', 'must contain at least one key/value pair')]),
      ];
    },
    validateChangeFirst: (next, old) =>
      ['driverName', 'parameters'].flatMap((name) =>
        semanticEqual(next[name], old[name]) ? [] : [forbidden(name, `updates to ${name} are forbidden.`)],
      ),
  },
};
