import type { Ingress, PersistentVolume, PersistentVolumeClaim, Service, StatefulSet, StorageClass } from '@berth/kube';
import type { AnyObject } from '../resource-definition.ts';
import { deprecatedNodeLabels, podWarnings, templateWarnings } from './core/pod/warnings.ts';
import { fractional } from './fractional.ts';
import { dns1123Label } from './names.ts';

type Warnings = (object: AnyObject) => readonly string[];

const ofTemplate: Warnings = ({ metadata, spec }) => [
  ...nameWarnings(metadata.name ?? '', 'Pod names and hostnames'),
  ...templateWarnings(spec?.template, 'spec.template'),
];

/** What the strategies' WarningsOnCreate say, by kind; texts are upstream's. */
const byKind: Readonly<Record<string, Warnings>> = {
  Pod: ({ metadata, spec }) => [
    ...nameWarnings(metadata.name ?? '', "the Pod's hostname"),
    ...podWarnings(spec ?? {}, 'spec'),
  ],
  Node: ({ spec }) =>
    spec?.externalID ? ['spec.externalID: this field is deprecated, and is unused by Kubernetes'] : [],
  PodTemplate: (object) => templateWarnings(object['template'], 'template'),
  Deployment: ofTemplate,
  ReplicaSet: ofTemplate,
  ReplicationController: ofTemplate,
  DaemonSet: ({ spec }) => templateWarnings(spec?.template, 'spec.template'),
  Job: ofTemplate,
  CronJob: ({ metadata, spec }) => [
    ...nameWarnings(metadata.name ?? '', 'Pod names and hostnames'),
    ...templateWarnings(spec?.jobTemplate?.spec?.template, 'spec.jobTemplate.spec.template'),
  ],
  StatefulSet: (object) => statefulSetWarnings(object as StatefulSet),
  PersistentVolume: (object) => volumeWarnings(object as PersistentVolume),
  PersistentVolumeClaim: (object) => claimWarnings(object as PersistentVolumeClaim, 'spec'),
  StorageClass: (object) => classWarnings(object as StorageClass),
  CSIDriver: ({ spec }) => driverTokenWarnings(spec ?? {}),
  Service: (object) => serviceWarnings(object as Service),
  Ingress: (object) => ingressWarnings(object as Ingress),
  ResourceSlice: ({ spec }) => driverWarnings(spec?.driver ?? ''),
};

export function warningsOf(kind: string): Warnings | undefined {
  return byKind[kind];
}

function nameWarnings(name: string, use: string): string[] {
  const why = dns1123Label(name);
  if (why.length === 0) return [];
  const text = `this is used in ${use}, which can result in surprising behavior; a DNS label is recommended`;
  return [`metadata.name: ${text}: [${why.join(' ')}]`];
}

function statefulSetWarnings({ spec }: StatefulSet): string[] {
  const history = 'a negative value retains all historical revisions; a value >= 0 is recommended';
  return [
    ...templateWarnings(spec?.template, 'spec.template'),
    ...(spec?.volumeClaimTemplates ?? []).flatMap((claim, i) =>
      claimWarnings(claim, `spec.volumeClaimTemplates[${i}].spec`),
    ),
    ...((spec?.revisionHistoryLimit ?? 0) < 0 ? [`spec.revisionHistoryLimit: ${history}`] : []),
  ];
}

function claimWarnings({ spec }: PersistentVolumeClaim, path: string): string[] {
  return (['requests', 'limits'] as const).flatMap((list) =>
    fractional(spec?.resources?.[list]?.['storage'], `${path}.resources.${list}[storage]`),
  );
}

function volumeWarnings({ spec = {} }: PersistentVolume): string[] {
  const terms = spec.nodeAffinity?.required?.nodeSelectorTerms ?? [];
  const recycle =
    'The Recycle reclaim policy is deprecated. Instead, the recommended approach is to use dynamic provisioning.';
  return [
    ...terms.flatMap(({ matchExpressions = [] }, term) =>
      matchExpressions.flatMap(({ key }, i) => {
        const path = `spec.nodeAffinity.required.nodeSelectorTerms[${term}].matchExpressions[${i}].key`;
        const text = deprecatedNodeLabels[key];
        return text ? [`${path}: ${key} is ${text}`] : [];
      }),
    ),
    ...(spec.persistentVolumeReclaimPolicy === 'Recycle' ? [`spec.persistentVolumeReclaimPolicy: ${recycle}`] : []),
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
  const headless = spec.clusterIP === 'None';
  const hints = 'service.kubernetes.io/topology-aware-hints';
  return [
    ...(metadata.annotations?.[hints] === undefined
      ? []
      : [`annotation ${hints} is deprecated, please use service.kubernetes.io/topology-mode instead`]),
    ...(headless && spec.loadBalancerIP ? ['spec.loadBalancerIP is ignored for headless services'] : []),
    ...(headless && spec.externalIPs?.length ? ['spec.externalIPs is ignored for headless services'] : []),
    ...(headless && spec.sessionAffinity !== 'None' ? ['spec.SessionAffinity is ignored for headless services'] : []),
    ...(spec.externalIPs?.length && !headless && spec.type !== 'ExternalName'
      ? ['spec.externalIPs is deprecated and may no longer be implemented in some clusters']
      : []),
    ...(spec.externalIPs?.length && spec.type === 'ExternalName'
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

function ingressWarnings({ metadata }: Ingress): string[] {
  if (metadata.annotations?.['kubernetes.io/ingress.class'] === undefined) return [];
  return [`annotation "kubernetes.io/ingress.class" is deprecated, please use 'spec.ingressClassName' instead`];
}

function driverWarnings(driver: string): string[] {
  if (driver === driver.toLowerCase()) return [];
  return [`spec.driver: driver names should be lowercase; ${JSON.stringify(driver)} contains uppercase characters`];
}
