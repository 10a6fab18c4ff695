import type { Volume } from '@berth/kube';
import { procMount } from './baseline-checks.ts';
import {
  type AnyContainer,
  type Check,
  type CheckPod,
  containersOf,
  distinct,
  named,
  namesWhere,
  plural,
  quoted,
  settersOf,
} from './check.ts';
import { seccompRestricted } from './seccomp-checks.ts';

const notOnWindows =
  (check: CheckPod): CheckPod =>
  (pod) =>
    pod.spec.os?.name === 'windows' ? undefined : check(pod);

/** Root in a user namespace of its own is nobody outside of it (KEP-127). */
const notInUserNamespace =
  (check: CheckPod): CheckPod =>
  (pod) =>
    pod.spec.hostUsers === false ? undefined : check(pod);

const allowPrivilegeEscalation: CheckPod = (pod) => {
  const bad = namesWhere(pod, ({ securityContext }) => securityContext?.allowPrivilegeEscalation !== false);
  if (bad.length === 0) return undefined;
  return {
    reason: 'allowPrivilegeEscalation != false',
    detail: `${named('container', bad)} must set securityContext.allowPrivilegeEscalation=false`,
  };
};

const capabilities: CheckPod = (pod) => {
  const foreign = ({ securityContext }: AnyContainer) =>
    (securityContext?.capabilities?.add ?? []).filter((name) => name !== 'NET_BIND_SERVICE');
  const keeping = namesWhere(pod, ({ securityContext }) => !securityContext?.capabilities?.drop?.includes('ALL'));
  const adding = namesWhere(pod, (container) => foreign(container).length > 0);
  const details: string[] = [];
  if (keeping.length > 0)
    details.push(`${named('container', keeping)} must set securityContext.capabilities.drop=["ALL"]`);
  if (adding.length > 0) {
    const list = quoted(distinct(containersOf(pod).flatMap(foreign)));
    details.push(`${named('container', adding)} must not include ${list} in securityContext.capabilities.add`);
  }
  return details.length === 0 ? undefined : { reason: 'unrestricted capabilities', detail: details.join('; ') };
};

const volumeTypes = [
  'configMap',
  'csi',
  'downwardAPI',
  'emptyDir',
  'ephemeral',
  'image',
  'persistentVolumeClaim',
  'projected',
  'secret',
] as const;

/** As upstream names them, in its order. */
const restrictedTypes = [
  'hostPath',
  'gcePersistentDisk',
  'awsElasticBlockStore',
  'gitRepo',
  'nfs',
  'iscsi',
  'glusterfs',
  'rbd',
  'flexVolume',
  'cinder',
  'cephfs',
  'flocker',
  'fc',
  'azureFile',
  'vsphereVolume',
  'quobyte',
  'azureDisk',
  'photonPersistentDisk',
  'portworxVolume',
  'scaleIO',
  'storageos',
] as const;

const restrictedVolumes: CheckPod = ({ spec }) => {
  const has = (volume: Volume) => (type: keyof Volume) => volume[type] !== undefined && volume[type] !== null;
  const bad = (spec.volumes ?? []).filter((volume) => !volumeTypes.some(has(volume)));
  if (bad.length === 0) return undefined;
  const types = distinct(bad.map((volume) => restrictedTypes.find(has(volume)) ?? 'unknown'));
  const names = bad.map(({ name }) => name);
  const use = names.length === 1 ? 'uses' : 'use';
  return {
    reason: 'restricted volume types',
    detail: `${named('volume', names)} ${use} ${plural('restricted volume type', types)} ${quoted(types)}`,
  };
};

const runAsNonRoot: CheckPod = (pod) => {
  const reason = 'runAsNonRoot != true';
  const own = pod.spec.securityContext?.runAsNonRoot;
  const setters = settersOf(
    own === false,
    namesWhere(pod, ({ securityContext }) => securityContext?.runAsNonRoot === false),
  );
  if (setters !== '') return { reason, detail: `${setters} must not set securityContext.runAsNonRoot=false` };
  if (own === true) return undefined;
  const silent = namesWhere(pod, ({ securityContext }) => securityContext?.runAsNonRoot !== true);
  if (silent.length === 0) return undefined;
  return { reason, detail: `pod or ${named('container', silent)} must set securityContext.runAsNonRoot=true` };
};

const runAsUser: CheckPod = (pod) => {
  const setters = settersOf(
    pod.spec.securityContext?.runAsUser === 0,
    namesWhere(pod, ({ securityContext }) => securityContext?.runAsUser === 0),
  );
  return setters === '' ? undefined : { reason: 'runAsUser=0', detail: `${setters} must not set runAsUser=0` };
};

/** What the restricted level asks beyond the baseline, by id. */
export const restrictedChecks: readonly Check[] = [
  {
    id: 'allowPrivilegeEscalation',
    versions: [
      { since: 8, check: allowPrivilegeEscalation },
      { since: 25, check: notOnWindows(allowPrivilegeEscalation) },
    ],
  },
  {
    id: 'capabilities_restricted',
    overrides: 'capabilities_baseline',
    versions: [
      { since: 22, check: capabilities },
      { since: 25, check: notOnWindows(capabilities) },
    ],
  },
  { id: 'procMount_restricted', overrides: 'procMount', versions: [{ since: 35, check: procMount }] },
  {
    id: 'restrictedVolumes',
    overrides: 'hostPathVolumes',
    versions: [{ since: 0, check: restrictedVolumes }],
  },
  {
    id: 'runAsNonRoot',
    versions: [
      { since: 0, check: runAsNonRoot },
      { since: 35, check: notInUserNamespace(runAsNonRoot) },
    ],
  },
  {
    id: 'runAsUser',
    versions: [
      { since: 23, check: runAsUser },
      { since: 35, check: notInUserNamespace(runAsUser) },
    ],
  },
  seccompRestricted,
];
