import type { Container, ContainerPort, PodSpec, PodTemplateSpec } from '@berth/kube';
import { fractional } from '../../fractional.ts';

/** Node labels with newer names (component-helpers node/util and api/node/util). */
export const deprecatedNodeLabels: Readonly<Record<string, string>> = {
  'beta.kubernetes.io/arch': 'deprecated since v1.14; use "kubernetes.io/arch" instead',
  'beta.kubernetes.io/os': 'deprecated since v1.14; use "kubernetes.io/os" instead',
  'failure-domain.beta.kubernetes.io/region': 'deprecated since v1.17; use "topology.kubernetes.io/region" instead',
  'failure-domain.beta.kubernetes.io/zone': 'deprecated since v1.17; use "topology.kubernetes.io/zone" instead',
  'beta.kubernetes.io/instance-type': 'deprecated since v1.17; use "node.kubernetes.io/instance-type" instead',
};

/** What is allowed in a pod, and hardly meant (pkg/api/pod/warnings.go). `path` is `spec` or a template's. */
export function podWarnings(spec: PodSpec, path: string): string[] {
  const containers = (['initContainers', 'containers'] as const).flatMap((list) =>
    (spec[list] ?? []).flatMap((container, index) => containerWarnings(container, `${path}.${list}[${index}]`)),
  );
  return [...placement(spec, path), ...containers, ...volumes(spec, path), ...small(spec, path)];
}

export function templateWarnings(template: PodTemplateSpec | undefined, path: string): string[] {
  return template?.spec ? podWarnings(template.spec, `${path}.spec`) : [];
}

function placement({ nodeSelector = {}, affinity, topologySpreadConstraints = [] }: PodSpec, path: string): string[] {
  const required = affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution?.nodeSelectorTerms ?? [];
  const field = `${path}.affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms`;
  const named: [label: string, where: string][] = [
    ...Object.keys(nodeSelector).map((label): [string, string] => [label, `${path}.nodeSelector[${label}]`]),
    ...required.flatMap(({ matchExpressions = [] }, term) =>
      matchExpressions.map(({ key }, i): [string, string] => [key, `${field}[${term}].matchExpressions[${i}].key`]),
    ),
    ...topologySpreadConstraints.map(({ topologyKey }, i): [string, string] => [
      topologyKey,
      `${path}.topologySpreadConstraints[${i}].topologyKey`,
    ]),
  ];
  return named.flatMap(([label, where]) => {
    const text = deprecatedNodeLabels[label];
    if (!text) return [];
    return [where.includes('nodeSelector[') ? `${where}: ${text}` : `${where}: ${label} is ${text}`];
  });
}

function containerWarnings({ env = [], ports = [], resources = {} }: Container, path: string): string[] {
  const seen = new Set<string>();
  const hidden = env.flatMap(({ name }, i) => {
    const before = seen.has(name);
    seen.add(name);
    return before
      ? [
          `${path}.env[${i}]: hides previous definition of ${JSON.stringify(name)}, which may be dropped when using apply`,
        ]
      : [];
  });
  const firsts = firstPorts(ports);
  const again = ports.flatMap((port, i) => {
    const first = firstLike(port, firsts) ?? i;
    return first < i ? [`${path}.ports[${i}]: duplicate port definition with ${path}.ports[${first}]`] : [];
  });
  const fractions = (['limits', 'requests'] as const).flatMap((list) =>
    ['memory', 'ephemeral-storage'].flatMap((name) =>
      fractional(resources[list]?.[name], `${path}.resources.${list}[${name}]`),
    ),
  );
  return [...hidden, ...again, ...fractions];
}

/** Where each port is first: by its name, without one (`name: ''`), and under any (`name: '*'`). */
function firstPorts(ports: readonly ContainerPort[]): ReadonlyMap<string, number> {
  const firsts = new Map<string, number>();
  for (const [i, { name = '', ...port }] of ports.entries())
    for (const key of [`${placeOf(port)} ${name}`, `${placeOf(port)} *`]) if (!firsts.has(key)) firsts.set(key, i);
  return firsts;
}

/** A port without a name is like any; one with a name like those that have it, or none. */
function firstLike({ name = '', ...port }: ContainerPort, firsts: ReadonlyMap<string, number>): number | undefined {
  const place = placeOf(port);
  if (name === '') return firsts.get(`${place} *`);
  const found = [firsts.get(`${place} ${name}`), firsts.get(`${place} `)].filter((at) => at !== undefined);
  return found.length === 0 ? undefined : Math.min(...found);
}

function placeOf({ containerPort, hostPort, hostIP, protocol }: Omit<ContainerPort, 'name'>): string {
  return `${containerPort} ${hostPort} ${hostIP} ${protocol}`;
}

function volumes({ volumes: all = [] }: PodSpec, path: string): string[] {
  const gone: Readonly<Record<string, string>> = {
    photonPersistentDisk: 'deprecated in v1.11, non-functional in v1.16+',
    gitRepo: 'deprecated in v1.11, and disabled by default in v1.33+',
    scaleIO: 'deprecated in v1.16, non-functional in v1.22+',
    flocker: 'deprecated in v1.22, non-functional in v1.25+',
    storageos: 'deprecated in v1.22, non-functional in v1.25+',
    quobyte: 'deprecated in v1.22, non-functional in v1.25+',
    glusterfs: 'deprecated in v1.25, non-functional in v1.26+',
    cephfs: 'deprecated in v1.28, non-functional in v1.31+',
    rbd: 'deprecated in v1.28, non-functional in v1.31+',
  };
  return all.flatMap((volume, i) => [
    ...Object.keys(volume).flatMap((source) =>
      gone[source] ? [`${path}.volumes[${i}].${source}: ${gone[source]}`] : [],
    ),
    ...fractional(
      volume.ephemeral?.volumeClaimTemplate?.spec?.resources?.requests?.['storage'],
      `${path}.volumes[${i}].ephemeral.volumeClaimTemplate.spec.resources.requests[storage]`,
    ),
    ...(volume.projected?.sources ?? [])
      .filter((source) => Object.keys(source).length === 0)
      .map(() => `volume ${JSON.stringify(volume.name)} (Projected) has no sources provided`),
  ]);
}

function small(spec: PodSpec, path: string): string[] {
  const { hostAliases = [], imagePullSecrets = [], terminationGracePeriodSeconds: grace = 0 } = spec;
  return [
    ...hostAliases.flatMap(({ ip }, i) =>
      hostAliases.slice(0, i).some((before) => before.ip === ip)
        ? [`${path}.hostAliases[${i}].ip: duplicate ip ${JSON.stringify(ip)}`]
        : [],
    ),
    ...imagePullSecrets.flatMap(({ name }, i) =>
      name ? [] : [`${path}.imagePullSecrets[${i}].name: invalid empty name ${JSON.stringify(name ?? '')}`],
    ),
    ...(grace < 0
      ? [`${path}.terminationGracePeriodSeconds: must be >= 0; negative values are invalid and will be treated as 1`]
      : []),
  ];
}
