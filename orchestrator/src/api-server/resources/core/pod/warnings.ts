import type {
  AppArmorProfile,
  Container,
  EnvVar,
  LabelSelector,
  NodeSelectorTerm,
  PodSpec,
  PodTemplateSpec,
} from '@berth/kube';
import { fractional } from '../../fractional.ts';
import { ipWarnings } from '../../ip-warnings.ts';
import { labelValue } from '../../names.ts';
import { appArmor, seccompContainer, seccompPod } from './annotations.ts';
import { overlappingPaths } from './path-overlaps.ts';
import { type PlacedContainer, portWarnings } from './port-warnings.ts';

/** Node labels with newer names (component-helpers node/util and api/node/util). */
export const deprecatedNodeLabels: Readonly<Record<string, string>> = {
  'beta.kubernetes.io/arch': 'deprecated since v1.14; use "kubernetes.io/arch" instead',
  'beta.kubernetes.io/os': 'deprecated since v1.14; use "kubernetes.io/os" instead',
  'failure-domain.beta.kubernetes.io/region': 'deprecated since v1.17; use "topology.kubernetes.io/region" instead',
  'failure-domain.beta.kubernetes.io/zone': 'deprecated since v1.17; use "topology.kubernetes.io/zone" instead',
  'beta.kubernetes.io/instance-type': 'deprecated since v1.17; use "node.kubernetes.io/instance-type" instead',
};

type Annotations = Readonly<Record<string, string>>;

/** A pod or a template, and where it is: `''` or `spec.template.`. */
interface Judged {
  readonly spec: PodSpec;
  readonly annotations: Annotations;
  readonly at: string;
}

/** What is allowed in a pod, and hardly meant (pkg/api/pod/warnings.go), in upstream's order. */
export function podWarnings({ metadata, spec }: PodTemplateSpec, at = ''): string[] {
  if (!spec) return [];
  const judged = { spec, annotations: metadata?.annotations ?? {}, at };
  const path = `${at}spec`;
  const placed = (['initContainers', 'containers', 'ephemeralContainers'] as const).flatMap((list) =>
    (spec[list] ?? []).map((container, i): PlacedContainer => [container as Container, `${path}.${list}[${i}]`]),
  );
  const { terminationGracePeriodSeconds: grace = 0, dnsConfig, hostAliases = [] } = spec;
  return [
    ...placement(spec, path),
    ...goneAnnotations(judged),
    ...goneVolumes(spec, path),
    ...overlappingPaths(spec.volumes ?? []),
    ...repeated(spec, path),
    ...fractions(spec.overhead, `${path}.overhead`),
    ...seccompWarnings(judged, seccompPod, spec.securityContext?.seccompProfile),
    ...placed.flatMap(([container, where]) => containerWarnings(container, where, judged)),
    ...portWarnings(placed),
    ...(grace < 0
      ? [`${path}.terminationGracePeriodSeconds: must be >= 0; negative values are invalid and will be treated as 1`]
      : []),
    ...affinityWarnings(spec, `${path}.affinity`),
    ...(dnsConfig?.nameservers ?? []).flatMap((ip, i) => ipWarnings(ip, `${path}.dnsConfig.nameservers[${i}]`)),
    ...hostAliases.flatMap(({ ip = '' }, i) => ipWarnings(ip, `${path}.hostAliases[${i}].ip`)),
  ];
}

export function templateWarnings(template: PodTemplateSpec | undefined, path: string): string[] {
  return template ? podWarnings(template, `${path}.`) : [];
}

/** Labels of nodes that have newer names; of preferences also values that no label has (api/node GetWarningsForNodeSelectorTerm). */
export function nodeTermWarnings(
  { matchExpressions = [] }: NodeSelectorTerm,
  path: string,
  checkValues = false,
): string[] {
  return matchExpressions.flatMap(({ key, values = [] }, i) => {
    const text = deprecatedNodeLabels[key];
    const at = `${path}.matchExpressions[${i}]`;
    return [
      ...(text ? [`${at}.key: ${key} is ${text}`] : []),
      ...(checkValues ? values : []).flatMap((value, index) =>
        labelValue(value).map((why) => `${at}.values[${index}]: ${value} is invalid, ${why}`),
      ),
    ];
  });
}

function placement({ nodeSelector = {}, affinity, topologySpreadConstraints = [] }: PodSpec, path: string): string[] {
  const {
    requiredDuringSchedulingIgnoredDuringExecution: required,
    preferredDuringSchedulingIgnoredDuringExecution: preferred,
  } = affinity?.nodeAffinity ?? {};
  const field = `${path}.affinity.nodeAffinity`;
  return [
    ...Object.keys(nodeSelector).flatMap((label) => {
      const text = deprecatedNodeLabels[label];
      return text ? [`${path}.nodeSelector[${label}]: ${text}`] : [];
    }),
    ...(required?.nodeSelectorTerms ?? []).flatMap((term, i) =>
      nodeTermWarnings(term, `${field}.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms[${i}]`),
    ),
    ...(preferred ?? []).flatMap(({ preference }, i) =>
      nodeTermWarnings(
        preference ?? {},
        `${field}.preferredDuringSchedulingIgnoredDuringExecution[${i}].preference`,
        true,
      ),
    ),
    ...topologySpreadConstraints.flatMap(({ topologyKey, labelSelector }, i) => {
      const text = deprecatedNodeLabels[topologyKey];
      const at = `${path}.topologySpreadConstraints[${i}]`;
      return [...(text ? [`${at}.topologyKey: ${topologyKey} is ${text}`] : []), ...noSelector(labelSelector, at)];
    }),
  ];
}

function noSelector(selector: LabelSelector | undefined, path: string): string[] {
  return selector ? [] : [`${path}.labelSelector: a null labelSelector results in matching no pod`];
}

function affinityWarnings({ affinity }: PodSpec, path: string): string[] {
  return (['podAffinity', 'podAntiAffinity'] as const).flatMap((name) => {
    const {
      requiredDuringSchedulingIgnoredDuringExecution: required = [],
      preferredDuringSchedulingIgnoredDuringExecution: preferred = [],
    } = affinity?.[name] ?? {};
    const at = (list: string, i: number) => `${path}.${name}.${list}DuringSchedulingIgnoredDuringExecution[${i}]`;
    return [
      ...required.flatMap(({ labelSelector }, i) => noSelector(labelSelector, at('required', i))),
      ...preferred.flatMap(({ podAffinityTerm }, i) =>
        noSelector(podAffinityTerm?.labelSelector, `${at('preferred', i)}.podAffinityTerm`),
      ),
    ];
  });
}

function goneAnnotations({ annotations, at }: Judged): string[] {
  const gone: Readonly<Record<string, string>> = {
    'scheduler.alpha.kubernetes.io/critical-pod': 'non-functional in v1.16+; use the "priorityClassName" field instead',
    'security.alpha.kubernetes.io/sysctls': 'non-functional in v1.11+; use the "sysctls" field instead',
    'security.alpha.kubernetes.io/unsafe-sysctls': 'non-functional in v1.11+; use the "sysctls" field instead',
  };
  return Object.entries(gone).flatMap(([key, text]) =>
    annotations[key] === undefined ? [] : [`${at}metadata.annotations[${key}]: ${text}`],
  );
}

function goneVolumes({ volumes = [] }: PodSpec, path: string): string[] {
  const gone: readonly (readonly [source: string, text: string, shown?: string])[] = [
    ['photonPersistentDisk', 'deprecated in v1.11, non-functional in v1.16+'],
    ['gitRepo', 'deprecated in v1.11, and disabled by default in v1.33+'],
    ['scaleIO', 'deprecated in v1.16, non-functional in v1.22+'],
    ['flocker', 'deprecated in v1.22, non-functional in v1.25+'],
    ['storageos', 'deprecated in v1.22, non-functional in v1.25+', 'storageOS'],
    ['quobyte', 'deprecated in v1.22, non-functional in v1.25+'],
    ['glusterfs', 'deprecated in v1.25, non-functional in v1.26+'],
    ['cephfs', 'deprecated in v1.28, non-functional in v1.31+'],
    ['rbd', 'deprecated in v1.28, non-functional in v1.31+'],
  ];
  return volumes.flatMap((volume, i) => [
    ...gone.flatMap(([source, text, shown = source]) =>
      source in volume ? [`${path}.volumes[${i}].${shown}: ${text}`] : [],
    ),
    ...(['requests', 'limits'] as const).flatMap((list) =>
      fractional(
        volume.ephemeral?.volumeClaimTemplate?.spec?.resources?.[list]?.['storage'],
        `${path}.volumes[${i}].ephemeral.volumeClaimTemplate.spec.resources.${list}[storage]`,
      ),
    ),
  ]);
}

function repeated({ hostAliases = [], imagePullSecrets = [] }: PodSpec, path: string): string[] {
  const names = imagePullSecrets.map(({ name = '' }) => name);
  return [
    ...repeats(hostAliases.map(({ ip = '' }) => ip)).map(
      ([ip, i]) => `${path}.hostAliases[${i}].ip: duplicate ip ${JSON.stringify(ip)}`,
    ),
    ...repeats(names).map(([name, i]) => `${path}.imagePullSecrets[${i}].name: duplicate name ${JSON.stringify(name)}`),
    ...names.flatMap((name, i) => (name ? [] : [`${path}.imagePullSecrets[${i}].name: invalid empty name ""`])),
  ];
}

/** Those that are there before, with their places. */
function repeats(values: readonly string[]): [value: string, index: number][] {
  const seen = new Set<string>();
  return values.flatMap((value, i) => {
    if (seen.has(value)) return [[value, i] as [string, number]];
    seen.add(value);
    return [];
  });
}

function fractions(amounts: Readonly<Record<string, string>> | undefined, path: string): string[] {
  return ['memory', 'ephemeral-storage'].flatMap((name) => fractional(amounts?.[name], `${path}[${name}]`));
}

function seccompWarnings({ annotations, at }: Judged, key: string, profile: object | undefined): string[] {
  if (profile || annotations[key] === undefined) return [];
  return [`${at}metadata.annotations[${key}]: non-functional in v1.27+; use the "seccompProfile" field instead`];
}

function containerWarnings(container: Container, path: string, judged: Judged): string[] {
  const { name, env = [], resources = {}, securityContext } = container;
  return [
    ...seccompWarnings(judged, `${seccompContainer}${name}`, securityContext?.seccompProfile),
    ...(securityContext?.appArmorProfile ? [] : appArmorWarnings(judged, name)),
    ...['memory', 'ephemeral-storage'].flatMap((amount) =>
      (['limits', 'requests'] as const).flatMap((list) =>
        fractional(resources[list]?.[amount], `${path}.resources.${list}[${amount}]`),
      ),
    ),
    ...hiddenVariables(env, path),
  ];
}

/** A pod is told when its annotation becomes a field; of a template only what is not the pod's profile anyway. */
function appArmorWarnings({ spec, annotations, at }: Judged, name: string): string[] {
  const key = `${appArmor}${name}`;
  const annotation = annotations[key];
  if (at === '' || annotation === undefined) return [];
  const profile = spec.securityContext?.appArmorProfile;
  if (profile && annotation === annotationOf(profile)) return [];
  return [`${at}metadata.annotations[${key}]: deprecated since v1.30; use the "appArmorProfile" field instead`];
}

function annotationOf({ type, localhostProfile = '' }: AppArmorProfile): string {
  return type === 'Localhost'
    ? `localhost/${localhostProfile}`
    : type === 'Unconfined'
      ? 'unconfined'
      : 'runtime/default';
}

/** One that has what was there before in it hides nothing. */
function hiddenVariables(env: readonly EnvVar[], path: string): string[] {
  const seen = new Set<string>();
  return env.flatMap(({ name, value = '', valueFrom }, i) => {
    if (!seen.has(name)) {
      seen.add(name);
      return [];
    }
    const before = `$(${name})`;
    if (!valueFrom && value !== before && value.includes(before)) return [];
    return [
      `${path}.env[${i}]: hides previous definition of ${JSON.stringify(name)}, which may be dropped when using apply`,
    ];
  });
}
