import type {
  EndpointSlice,
  Endpoints,
  Ingress,
  JobSpec,
  NetworkPolicy,
  PersistentVolume,
  PersistentVolumeClaim,
  PodSpec,
  Service,
  StatefulSet,
  StorageClass,
} from '@berth/kube';
import type { AnyObject } from '../resource-definition.ts';
import { deprecatedNodeLabels, nodeTermWarnings, podWarnings, templateWarnings } from './core/pod/warnings.ts';
import { tlsPairFault } from './core/tls-pair.ts';
import { fractional } from './fractional.ts';
import { cidrWarnings, ipWarnings } from './ip-warnings.ts';
import { dns1123Label } from './names.ts';

type Warnings = (object: AnyObject, old?: AnyObject) => readonly string[];

const ofTemplate: Warnings = (object, old) => [
  ...podNameWarnings(object, old),
  ...templateWarnings(object.spec?.template, 'spec.template'),
];

/** What the strategies' WarningsOnCreate and WarningsOnUpdate say, by kind; texts are upstream's. */
const byKind: Readonly<Record<string, Warnings>> = {
  Pod: ({ metadata, spec }) => [
    ...nameWarnings(metadata.name ?? '', "the Pod's hostname"),
    ...podWarnings({ metadata, spec: spec as PodSpec }),
  ],
  Node: ({ spec }) => [
    ...(spec?.configSource ? ['spec.configSource: the feature is removed'] : []),
    ...(spec?.externalID ? ['spec.externalID: this field is deprecated, and is unused by Kubernetes'] : []),
    ...(spec?.podCIDRs ?? []).flatMap((range: string, i: number) => cidrWarnings(range, `spec.podCIDRs[${i}]`)),
  ],
  PodTemplate: (object) => templateWarnings(object['template'], 'template'),
  Deployment: ofTemplate,
  ReplicaSet: ofTemplate,
  // An update is told of what was there, as upstream takes one for the other.
  ReplicationController: (object, old) => ofTemplate(old ?? object, old),
  DaemonSet: ({ spec }) => templateWarnings(spec?.template, 'spec.template'),
  Job: (object, old) => [...podNameWarnings(object, old), ...jobWarnings(object.spec as JobSpec, 'spec')],
  CronJob: (object, old) => [
    ...podNameWarnings(object, old),
    ...jobWarnings(object.spec?.jobTemplate?.spec, 'spec.jobTemplate.spec'),
  ],
  StatefulSet: (object, old) => statefulSetWarnings(object as StatefulSet, old),
  PersistentVolume: (object) => volumeWarnings(object as PersistentVolume),
  PersistentVolumeClaim: (object) => [
    ...goneAnnotations(object, [storageClassAnnotation]),
    ...claimWarnings(object as PersistentVolumeClaim, 'spec'),
  ],
  StorageClass: (object) => classWarnings(object as StorageClass),
  CSIDriver: ({ spec }) => driverTokenWarnings(spec ?? {}),
  Secret: secretWarnings,
  ServiceAccount: accountWarnings,
  Service: (object) => serviceWarnings(object as Service),
  Ingress: (object, old) => (old ? [] : ingressWarnings(object as Ingress)),
  NetworkPolicy: (object) => policyWarnings(object as NetworkPolicy),
  Endpoints: (object) => endpointsWarnings(object as Endpoints),
  EndpointSlice: (object, old) => [
    ...(old || object['addressType'] !== 'FQDN' ? [] : ['spec.addressType: FQDN endpoints are deprecated']),
    ...sliceWarnings(object as EndpointSlice),
  ],
  ResourceSlice: ({ spec }) => driverWarnings(spec?.driver ?? ''),
};

export function warningsOf(kind: string): Warnings | undefined {
  return byKind[kind];
}

/** Only of a new object: nobody can give it another name. */
function podNameWarnings({ metadata }: AnyObject, old: AnyObject | undefined): string[] {
  return old ? [] : nameWarnings(metadata.name ?? '', 'Pod names and hostnames');
}

function nameWarnings(name: string, use: string): string[] {
  const why = dns1123Label(name);
  if (why.length === 0) return [];
  const text = `this is used in ${use}, which can result in surprising behavior; a DNS label is recommended`;
  return [`metadata.name: ${text}: [${why.join(' ')}]`];
}

/** More indexes than a status can tell (pkg/api/job WarningsForJobSpec). */
function jobWarnings(spec: JobSpec | undefined, path: string): string[] {
  const { completionMode, completions = 0, parallelism = 0, template } = spec ?? {};
  const many =
    'In Indexed Jobs with a number of completions higher than 10^5 and a parallelism higher than 10^4, Kubernetes might not be able to track completedIndexes when a big number of indexes fail';
  return [
    ...(completionMode === 'Indexed' && completions > 100_000 && parallelism > 10_000 ? [`${path}: ${many}`] : []),
    ...templateWarnings(template, `${path}.template`),
  ];
}

type GoneAnnotation = readonly [key: string, text: string];

const storageClassAnnotation: GoneAnnotation = [
  'volume.beta.kubernetes.io/storage-class',
  'deprecated since v1.8; use "storageClassName" attribute instead',
];
const mountOptionsAnnotation: GoneAnnotation = [
  'volume.beta.kubernetes.io/mount-options',
  'deprecated since v1.31; use "mountOptions" attribute instead',
];

function goneAnnotations({ metadata }: Pick<AnyObject, 'metadata'>, gone: readonly GoneAnnotation[]): string[] {
  return gone.flatMap(([key, text]) =>
    metadata.annotations?.[key] === undefined ? [] : [`metadata.annotations[${key}]: ${text}`],
  );
}

function policyWarnings({ spec }: NetworkPolicy): string[] {
  const sides = [
    ...(spec?.ingress ?? []).map(({ from = [] }, i) => [from, `spec.ingress[${i}].from`] as const),
    ...(spec?.egress ?? []).map(({ to = [] }, i) => [to, `spec.egress[${i}].to`] as const),
  ];
  return sides.flatMap(([peers, path]) =>
    peers.flatMap(({ ipBlock: { cidr, except = [] } = { cidr: '' } }, i) => [
      ...cidrWarnings(cidr, `${path}[${i}].ipBlock.cidr`),
      ...except.flatMap((range, k) => cidrWarnings(range, `${path}[${i}].ipBlock.except[${k}]`)),
    ]),
  );
}

/** The controllers of both write addresses as they should be. */
function endpointsWarnings({ metadata, subsets = [] }: Endpoints): string[] {
  if (metadata.labels?.['endpoints.kubernetes.io/managed-by'] === 'endpoint-controller') return [];
  return subsets.flatMap((subset, i) =>
    (['addresses', 'notReadyAddresses'] as const).flatMap((list) =>
      (subset[list] ?? []).flatMap(({ ip = '' }, j) => ipWarnings(ip, `subsets[${i}].${list}[${j}].ip`)),
    ),
  );
}

const sliceControllers = ['endpointslice-controller.k8s.io', 'endpointslicemirroring-controller.k8s.io'];

function sliceWarnings({ metadata, endpoints }: EndpointSlice): string[] {
  if (sliceControllers.includes(metadata.labels?.['endpointslice.kubernetes.io/managed-by'] ?? '')) return [];
  return (endpoints ?? []).flatMap(({ addresses = [] }, i) =>
    addresses.flatMap((ip, j) => ipWarnings(ip, `endpoints[${i}].addresses[${j}]`)),
  );
}

function statefulSetWarnings({ spec }: StatefulSet, old: AnyObject | undefined): string[] {
  const history = 'a negative value retains all historical revisions; a value >= 0 is recommended';
  return [
    ...templateWarnings(spec?.template, 'spec.template'),
    ...(spec?.volumeClaimTemplates ?? []).flatMap((claim, i) =>
      // As upstream names it, here and there.
      claimWarnings(claim, `spec.volumeClaimTemplates[${i}]${old ? '.Spec' : ''}`),
    ),
    ...((spec?.revisionHistoryLimit ?? 0) < 0 ? [`spec.revisionHistoryLimit: ${history}`] : []),
  ];
}

function claimWarnings({ spec }: PersistentVolumeClaim, path: string): string[] {
  return (['requests', 'limits'] as const).flatMap((list) =>
    fractional(spec?.resources?.[list]?.['storage'], `${path}.resources.${list}[storage]`),
  );
}

function volumeWarnings({ metadata, spec = {} }: PersistentVolume): string[] {
  const terms = spec.nodeAffinity?.required?.nodeSelectorTerms ?? [];
  const recycle =
    'The Recycle reclaim policy is deprecated. Instead, the recommended approach is to use dynamic provisioning.';
  return [
    ...goneAnnotations({ metadata }, [storageClassAnnotation, mountOptionsAnnotation]),
    ...(spec.persistentVolumeReclaimPolicy === 'Recycle' ? [`spec.persistentVolumeReclaimPolicy: ${recycle}`] : []),
    ...terms.flatMap((term, i) => nodeTermWarnings(term, `spec.nodeAffinity.required.nodeSelectorTerms[${i}]`)),
    ...legacyPlugins.flatMap(([name, text, shown = name]) =>
      spec[name] ? [`spec.${shown}: deprecated in ${text}`] : [],
    ),
  ];
}

/** Volume plugins that are gone, in the order upstream looks for them. */
const legacyPlugins: readonly (readonly [keyof NonNullable<PersistentVolume['spec']>, string, string?])[] = [
  ['cephfs', 'v1.28, non-functional in v1.31+'],
  ['photonPersistentDisk', 'v1.11, non-functional in v1.16+'],
  ['scaleIO', 'v1.16, non-functional in v1.22+'],
  ['storageos', 'v1.22, non-functional in v1.25+', 'storageOS'],
  ['glusterfs', 'v1.25, non-functional in v1.26+'],
  ['rbd', 'v1.28, non-functional in v1.31+'],
];

function driverTokenWarnings({ tokenRequests, serviceAccountTokenInSecrets }: AnyObject['spec']): string[] {
  if (!tokenRequests?.length || serviceAccountTokenInSecrets !== undefined) return [];
  return [
    'spec.serviceAccountTokenInSecrets is unset; if supported by this CSI driver, set to true to prevent possible logging of tokens in volume attributes',
  ];
}

function classWarnings({ allowedTopologies = [] }: StorageClass): string[] {
  return allowedTopologies.flatMap(({ matchLabelExpressions = [] }, term) =>
    matchLabelExpressions.flatMap(({ key }, i) => {
      const text = deprecatedNodeLabels[key];
      return text ? [`allowedTopologies[${term}].matchLabelExpressions[${i}].key: ${text}`] : [];
    }),
  );
}

function serviceWarnings({ metadata, spec = {} }: Service): string[] {
  const headless = spec.clusterIP === 'None' && spec.type === 'ClusterIP';
  const { clusterIP = '', clusterIPs = [], externalIPs = [], loadBalancerIP, loadBalancerSourceRanges = [] } = spec;
  const hints = 'service.kubernetes.io/topology-aware-hints';
  return [
    ...(metadata.annotations?.[hints] === undefined
      ? []
      : [`annotation ${hints} is deprecated, please use service.kubernetes.io/topology-mode instead`]),
    ...(clusterIP === '' || clusterIP === 'None' || spec.type === 'ExternalName'
      ? []
      : clusterIPs.flatMap((ip, i) => ipWarnings(ip, `spec.clusterIPs[${i}]`))),
    ...(headless && loadBalancerIP ? ['spec.loadBalancerIP is ignored for headless services'] : []),
    ...(headless && externalIPs.length > 0 ? ['spec.externalIPs is ignored for headless services'] : []),
    ...(headless && spec.sessionAffinity !== 'None' ? ['spec.SessionAffinity is ignored for headless services'] : []),
    ...externalIPs.flatMap((ip, i) => ipWarnings(ip, `spec.externalIPs[${i}]`)),
    ...(externalIPs.length > 0 && !headless && spec.type !== 'ExternalName'
      ? ['spec.externalIPs is deprecated and may no longer be implemented in some clusters']
      : []),
    ...(loadBalancerIP ? ipWarnings(loadBalancerIP, 'spec.loadBalancerIP') : []),
    ...loadBalancerSourceRanges.flatMap((range, i) => cidrWarnings(range, `spec.loadBalancerSourceRanges[${i}]`)),
    ...(externalIPs.length > 0 && spec.type === 'ExternalName'
      ? ['spec.externalIPs is ignored when spec.type is "ExternalName"']
      : []),
    ...(spec.externalName && spec.type !== 'ExternalName'
      ? [`spec.externalName is ignored when spec.type is not "ExternalName"`]
      : []),
    ...(spec.trafficDistribution === 'PreferClose'
      ? ['spec.trafficDistribution: "PreferClose" is deprecated; use "PreferSameZone"']
      : []),
  ];
}

const mountable = 'kubernetes.io/enforce-mountable-secrets';

/** Of the annotation as it comes, not as long as it stays. */
function accountWarnings({ metadata }: AnyObject, old: AnyObject | undefined): string[] {
  const isNew = metadata.annotations?.[mountable] !== undefined && old?.metadata.annotations?.[mountable] === undefined;
  return isNew
    ? [
        `metadata.annotations[${mountable}]: deprecated in v1.32+; prefer separate namespaces to isolate access to mounted secrets`,
      ]
    : [];
}

function secretWarnings({ type, data }: AnyObject): string[] {
  if (type !== 'kubernetes.io/tls') return [];
  const [certificate, key] = ['tls.crt', 'tls.key'].map((name) => Buffer.from(data?.[name] ?? '', 'base64'));
  const fault = tlsPairFault(certificate as Buffer, key as Buffer);
  return fault === undefined ? [] : [fault];
}

function ingressWarnings({ metadata, spec }: Ingress): string[] {
  if (metadata.annotations?.['kubernetes.io/ingress.class'] === undefined || spec?.ingressClassName !== undefined)
    return [];
  return [`annotation "kubernetes.io/ingress.class" is deprecated, please use 'spec.ingressClassName' instead`];
}

function driverWarnings(driver: string): string[] {
  if (driver === driver.toLowerCase()) return [];
  return [`spec.driver: driver names should be lowercase; ${JSON.stringify(driver)} contains uppercase characters`];
}
