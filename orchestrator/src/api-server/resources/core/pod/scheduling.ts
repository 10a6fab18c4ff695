import type {
  Affinity,
  LabelSelector,
  PodAffinityTerm,
  PodSpec,
  Toleration,
  TopologySpreadConstraint,
} from '@berth/kube';
import type { FieldError } from '../../../resource-definition.ts';
import { duplicate, forbidden, invalid, notFound, notSupported, required } from '../../field.ts';
import { validateLabelName, validateLabelSelector } from '../../label-selector.ts';
import { dns1123Label, labelValue } from '../../names.ts';
import { validateNodeSelector, validateNodeSelectorTerm } from '../node-selector.ts';

const required_ = 'requiredDuringSchedulingIgnoredDuringExecution';
const preferred_ = 'preferredDuringSchedulingIgnoredDuringExecution';

export function validateAffinity(affinity: Affinity | undefined, field: string): FieldError[] {
  if (!affinity) return [];
  const { nodeAffinity } = affinity;
  const terms = nodeAffinity?.[required_];
  return [
    ...(terms ? validateNodeSelector(terms, `${field}.nodeAffinity.${required_}`) : []),
    ...(nodeAffinity?.[preferred_] ?? []).flatMap(({ weight, preference }, index) => {
      const path = `${field}.nodeAffinity.${preferred_}[${index}]`;
      return [...weightErrors(weight, path), ...validateNodeSelectorTerm(preference, `${path}.preference`, true)];
    }),
    ...(['podAffinity', 'podAntiAffinity'] as const).flatMap((name) => [
      ...(affinity[name]?.[required_] ?? []).flatMap((term, index) =>
        podTermErrors(term, `${field}.${name}.${required_}[${index}]`),
      ),
      ...(affinity[name]?.[preferred_] ?? []).flatMap(({ weight, podAffinityTerm }, index) => {
        const path = `${field}.${name}.${preferred_}[${index}]`;
        return [...weightErrors(weight, path), ...podTermErrors(podAffinityTerm, `${path}.podAffinityTerm`)];
      }),
    ]),
  ];
}

function weightErrors(weight: number, path: string): FieldError[] {
  return weight > 0 && weight <= 100 ? [] : [invalid(`${path}.weight`, weight, 'must be in the range 1-100')];
}

function podTermErrors(term: PodAffinityTerm, field: string): FieldError[] {
  const { topologyKey = '', namespaces = [] } = term;
  return [
    ...validateLabelSelector(term.labelSelector, `${field}.labelSelector`),
    ...validateLabelSelector(term.namespaceSelector, `${field}.namespaceSelector`),
    ...namespaces.flatMap((name) => dns1123Label(name).map((text) => invalid(`${field}.namespace`, name, text))),
    ...labelKeyErrors(term, field),
    ...(topologyKey ? [] : [required(`${field}.topologyKey`, 'can not be empty')]),
    ...validateLabelName(topologyKey, `${field}.topologyKey`),
  ];
}

const effects = ['NoSchedule', 'PreferNoSchedule', 'NoExecute'];

export function validateTaintEffect(effect: string | undefined, field: string): FieldError[] {
  return effects.includes(effect ?? '') ? [] : [notSupported(field, effect ?? '', effects)];
}

export function validateTolerations(tolerations: readonly Toleration[], list: string): FieldError[] {
  return tolerations.flatMap((toleration, index) => {
    const field = `${list}[${index}]`;
    const { key, operator = '', effect = '', tolerationSeconds } = toleration;
    return [
      ...(key ? validateLabelName(key, `${field}.key`) : []),
      ...(!key && operator !== 'Exists'
        ? [
            invalid(
              `${field}.operator`,
              operator,
              'operator must be Exists when `key` is empty, which means "match all values and all keys"',
            ),
          ]
        : []),
      ...(tolerationSeconds !== undefined && effect !== 'NoExecute'
        ? [invalid(`${field}.effect`, effect, "effect must be 'NoExecute' when `tolerationSeconds` is set")]
        : []),
      ...tolerationValueErrors(toleration, field),
      ...(effect ? validateTaintEffect(effect, `${field}.effect`) : []),
    ];
  });
}

function tolerationValueErrors({ operator = '', value = '' }: Toleration, field: string): FieldError[] {
  if (operator === '' || operator === 'Equal') {
    const complaints = labelValue(value);
    return complaints.length === 0 ? [] : [invalid(`${field}.operator`, value, complaints.join(';'))];
  }
  if (operator === 'Exists')
    return value === '' ? [] : [invalid(`${field}.operator`, value, "value must be empty when `operator` is 'Exists'")];
  const known = operator === 'Lt' || operator === 'Gt' ? ['Equal', 'Exists', 'Lt', 'Gt'] : ['Equal', 'Exists'];
  return [notSupported(`${field}.operator`, operator, known)];
}

export function validateSpreadConstraints(
  constraints: readonly TopologySpreadConstraint[],
  list: string,
): FieldError[] {
  return constraints.flatMap((constraint, index) => {
    const field = `${list}[${index}]`;
    const { maxSkew, topologyKey, whenUnsatisfiable: action, minDomains } = constraint;
    const repeated = constraints
      .slice(index + 1)
      .some((other) => other.topologyKey === topologyKey && other.whenUnsatisfiable === action);
    return [
      ...(maxSkew > 0 ? [] : [invalid(`${field}.maxSkew`, maxSkew, 'must be greater than zero')]),
      ...(topologyKey ? [] : [required(`${field}.topologyKey`, 'can not be empty')]),
      ...oneOf(action, ['DoNotSchedule', 'ScheduleAnyway'], `${field}.whenUnsatisfiable`),
      ...(repeated ? [duplicate(`${field}.{topologyKey, whenUnsatisfiable}`, `{${topologyKey}, ${action}}`)] : []),
      ...minDomainsErrors(minDomains, action, `${field}.minDomains`),
      ...(['nodeAffinityPolicy', 'nodeTaintsPolicy'] as const).flatMap((name) =>
        constraint[name] === undefined ? [] : oneOf(constraint[name], ['Honor', 'Ignore'], `${field}.${name}`),
      ),
      ...labelKeyErrors(constraint, field),
      ...validateLabelSelector(constraint.labelSelector, `${field}.labelSelector`),
    ];
  });
}

function minDomainsErrors(minDomains: number | undefined, action: string, field: string): FieldError[] {
  if (minDomains === undefined) return [];
  return [
    ...(minDomains > 0 ? [] : [invalid(field, minDomains, 'must be greater than zero')]),
    ...(action === 'DoNotSchedule'
      ? []
      : [invalid(field, minDomains, 'can only use minDomains if whenUnsatisfiable=DoNotSchedule, not ' + action)]),
  ];
}

interface LabelKeys {
  readonly labelSelector?: LabelSelector;
  readonly matchLabelKeys?: readonly string[];
  readonly mismatchLabelKeys?: readonly string[];
}

/** Keys whose values are taken from the pod itself, beside a selector (ValidateMatchLabelKeysAndMismatchLabelKeys). */
function labelKeyErrors(
  { labelSelector, matchLabelKeys = [], mismatchLabelKeys = [] }: LabelKeys,
  field: string,
): FieldError[] {
  const names = (keys: readonly string[], path: string) => {
    if (keys.length === 0) return [];
    if (!labelSelector) return [forbidden(path, 'must not be specified when labelSelector is not set')];
    return keys.flatMap((key, index) => validateLabelName(key, `${path}[${index}]`));
  };
  const match = `${field}.matchLabelKeys`;
  return [
    ...names(matchLabelKeys, match),
    ...names(mismatchLabelKeys, `${field}.mismatchLabelKeys`),
    ...selectedTwice(labelSelector, matchLabelKeys, field),
    ...matchLabelKeys.flatMap((key, index) =>
      mismatchLabelKeys.includes(key)
        ? [invalid(`${match}[${index}]`, key, 'exists in both matchLabelKeys and mismatchLabelKeys')]
        : [],
    ),
  ];
}

/** The selector has got one expression for each key by now (see `merge-label-keys.ts`): a second one is somebody's own. */
function selectedTwice(selector: LabelSelector | undefined, keys: readonly string[], field: string): FieldError[] {
  const seen = new Set(Object.keys(selector?.matchLabels ?? {}));
  return (selector?.matchExpressions ?? []).flatMap(({ key }) => {
    const at = keys.lastIndexOf(key);
    const twice = at >= 0 && seen.has(key);
    seen.add(key);
    return twice ? [invalid(`${field}[${at}]`, key, 'exists in both matchLabelKeys and labelSelector')] : [];
  });
}

function oneOf(value: string | undefined, supported: readonly string[], field: string): FieldError[] {
  return supported.includes(value ?? '') ? [] : [notSupported(field, value ?? '', supported)];
}

/** `env.valueFrom.fileKeyRef` reads a file of an emptyDir of the pod. */
export function validateFileKeyVolumes(spec: PodSpec, field: string): FieldError[] {
  const volumes = new Map((spec.volumes ?? []).map((volume) => [volume.name, volume]));
  return (['initContainers', 'containers', 'ephemeralContainers'] as const).flatMap((list) =>
    (spec[list] ?? []).flatMap(({ env = [] }, container) =>
      env.flatMap(({ valueFrom }, index) => {
        if (!valueFrom?.fileKeyRef) return [];
        const { volumeName: name = '' } = valueFrom.fileKeyRef;
        const path = `${field}.${list}[${container}].env[${index}].valueFrom.fileKeyRef.volumeName`;
        const volume = volumes.get(name);
        if (!volume) return [notFound(path, name)];
        return volume.emptyDir ? [] : [invalid(path, name, 'referenced volume must be of type emptyDir')];
      }),
    ),
  );
}
