import type { PriorityClass } from '@berth/kube';
import type { AnyObject, FieldError } from '../../resource-definition.ts';
import { forbidden, notSupported, required } from '../field.ts';
import { immutable } from '../metadata.ts';
import type { KindRules } from '../rules.ts';

/** Classes of the system's own, by name and value. */
const system: Readonly<Record<string, number>> = {
  'system-node-critical': 2_000_001_000,
  'system-cluster-critical': 2_000_000_000,
};
const highestOfUsers = 1_000_000_000;
const mayNotGo = 'this is a system priority class and cannot be deleted';

export const priorityClassRules: KindRules = {
  generation: { initial: true, of: () => undefined },
  cells: {
    Value: ({ value }) => value ?? 0,
    'Global-Default': ({ globalDefault }) => globalDefault ?? false,
    PreemptionPolicy: ({ preemptionPolicy }) => preemptionPolicy ?? '',
  },
  rules: {
    default: (object) => {
      (object as PriorityClass).preemptionPolicy ??= 'PreemptLowerPriority';
    },
    // A stored one keeps what is checked, name, value and policy: ValidatePriorityClassUpdate looks at no more.
    validate: (object, old) => (old ? [] : validate(object)),
    // registry/scheduling/priorityclass/storage Delete.
    undeletable: (name) => (Object.hasOwn(system, name) ? mayNotGo : undefined),
    validateUpdate: (next, old) => [
      ...(next['value'] === old['value'] ? [] : [forbidden('value', 'may not be changed in an update.')]),
      ...immutable(next['preemptionPolicy'], old['preemptionPolicy'], 'preemptionPolicy'),
    ],
  },
};

function validate(object: AnyObject): FieldError[] {
  const { metadata, value = 0, preemptionPolicy: policy } = object as PriorityClass;
  const name = metadata.name ?? '';
  const policies = ['PreemptLowerPriority', 'Never'];
  return [
    ...(name.startsWith('system-') ? systemErrors(object as PriorityClass, name) : []),
    ...(!name.startsWith('system-') && value > highestOfUsers
      ? [forbidden('value', `maximum allowed value of a user defined priority is ${highestOfUsers}`)]
      : []),
    ...(policy === '' ? [required('preemptionPolicy')] : []),
    ...(!policy || policies.includes(policy) ? [] : [notSupported('preemptionPolicy', policy, policies)]),
  ];
}

function systemErrors({ value, globalDefault }: PriorityClass, name: string): FieldError[] {
  const known = system[name];
  const reserved = "priority class names with 'system-' prefix are reserved for system use only. error: ";
  if (known === undefined)
    return [forbidden('metadata.name', `${reserved}${name} is not a known system priority class`)];
  if (value !== known)
    return [forbidden('metadata.name', `${reserved}value of ${name} PriorityClass must be ${known}`)];
  if (globalDefault)
    return [forbidden('metadata.name', `${reserved}globalDefault of ${name} PriorityClass must be false`)];
  return [];
}
