import type { PersistentVolume, PersistentVolumeClaim, Pod, Volume } from '@berth/kube';
import { uidOf, type VolumeMode, type VolumeSpec } from '../volume-spec.ts';
import type { Lookups } from './lookups.ts';
import { pluginOfPersistentVolume, pluginOfVolume } from './plugin-of.ts';

export type Resolution =
  | { readonly spec: VolumeSpec }
  /** Kubelet's words for why it cannot be mounted yet; a change of the objects named leads to another try. */
  | { readonly problem: string };

export interface VolumeUse {
  readonly mounted: boolean;
  readonly device: boolean;
}

/** What a pod's claims depend on, for finding the pods again when one of these changes. */
export interface Dependencies {
  readonly claim?: string;
  readonly pv?: string;
  readonly driver?: string;
}

/** The claim a pod volume names, directly or as a generic ephemeral volume. */
export function claimNameOf(pod: Pod, volume: Volume): string | undefined {
  if (volume.ephemeral) return `${pod.metadata.name}-${volume.name}`;
  return volume.persistentVolumeClaim?.claimName;
}

export function dependenciesOf(pod: Pod, volume: Volume, lookups: Lookups): Dependencies {
  const claim = claimNameOf(pod, volume);
  if (claim === undefined) return volume.csi ? { driver: volume.csi.driver } : {};
  const namespace = pod.metadata.namespace ?? '';
  const pv = lookups.claim(namespace, claim)?.spec?.volumeName;
  const driver = pv === undefined ? undefined : lookups.volume(pv)?.spec?.csi?.driver;
  return { claim: `${namespace}/${claim}`, ...(pv ? { pv } : {}), ...(driver ? { driver } : {}) };
}

/** Follows a pod's volume to what a plugin mounts (upstream desired_state_of_world_populator.go createVolumeSpec). */
export function resolveVolume(pod: Pod, volume: Volume, use: VolumeUse, lookups: Lookups): Resolution {
  const claimName = claimNameOf(pod, volume);
  if (claimName !== undefined) return resolveClaim(pod, volume, { claimName, use }, lookups);
  if (volume.image) return { problem: `image volume "${volume.name}" is not supported on this node` };
  const plugin = pluginOfVolume(volume);
  if (plugin === undefined)
    return { problem: `failed to get Plugin from volumeSpec for volume "${volume.name}" err=no volume plugin matched` };
  if (use.device) {
    return { problem: `volume ${volume.name} has volumeMode Filesystem, but is specified in volumeDevices` };
  }
  const common = { plugin, mode: 'Filesystem', specName: volume.name, pv: undefined, pvc: undefined } as const;
  const readOnly = volume.csi?.readOnly ?? volume.nfs?.readOnly ?? false;
  return { spec: podSpec(pod, volume, { ...common, readOnly }) };
}

function resolveClaim(
  pod: Pod,
  volume: Volume,
  { claimName, use }: { claimName: string; use: VolumeUse },
  lookups: Lookups,
): Resolution {
  const namespace = pod.metadata.namespace ?? '';
  const processing = (problem: string) => ({ problem: `error processing PVC ${namespace}/${claimName}: ${problem}` });
  const pvc = lookups.claim(namespace, claimName);
  if (!pvc) return processing(`failed to fetch PVC from API server: persistentvolumeclaims "${claimName}" not found`);
  if (volume.ephemeral && !ownedBy(pvc, pod)) {
    return {
      problem: `PVC ${namespace}/${claimName} was not created for pod ${namespace}/${pod.metadata.name} (pod is not owner)`,
    };
  }
  const pvName = pvc.spec?.volumeName;
  const inUse = pvName !== undefined && lookups.isInUse(uidOf(pod), pvName);
  if (pvc.metadata.deletionTimestamp !== undefined && !inUse) return processing('PVC is being deleted');
  if (!pvName || (pvc.status?.phase !== 'Bound' && !inUse)) return processing('PVC is not bound');
  const pv = lookups.volume(pvName);
  if (!pv) return processing(`failed to fetch PV ${pvName} from API server: persistentvolumes "${pvName}" not found`);
  const unbound = notBoundTo(pv, pvc);
  if (unbound) return processing(unbound);
  return resolvePersistentVolume(pod, volume, { pvc, pv, use }, lookups);
}

function notBoundTo(pv: PersistentVolume, pvc: PersistentVolumeClaim): string | undefined {
  const claimRef = pv.spec?.claimRef;
  const { name } = pv.metadata;
  if (!claimRef)
    return `found PV object ${name} but it has a nil pv.Spec.ClaimRef indicating it is not yet bound to the claim`;
  if (claimRef.uid === pvc.metadata.uid) return undefined;
  return `found PV object ${name} but its pv.Spec.ClaimRef.UID ${claimRef.uid ?? ''} does not point to claim.UID ${pvc.metadata.uid}`;
}

function resolvePersistentVolume(
  pod: Pod,
  volume: Volume,
  { pvc, pv, use }: { pvc: PersistentVolumeClaim; pv: PersistentVolume; use: VolumeUse },
  lookups: Lookups,
): Resolution {
  const mode: VolumeMode = pv.spec?.volumeMode === 'Block' ? 'Block' : 'Filesystem';
  if (use.mounted && mode === 'Block') {
    return { problem: `volume ${volume.name} has volumeMode Block, but is specified in volumeMounts` };
  }
  if (use.device && mode === 'Filesystem') {
    return { problem: `volume ${volume.name} has volumeMode Filesystem, but is specified in volumeDevices` };
  }
  const plugin = pluginOfPersistentVolume(pv.spec ?? {});
  if (plugin === undefined)
    return {
      problem: `failed to get Plugin from volumeSpec for volume "${pv.metadata.name}" err=no volume plugin matched`,
    };
  if (mode === 'Block' && plugin !== 'kubernetes.io/csi') {
    return { problem: `volume ${volume.name}: raw block is served for CSI volumes only, not by ${plugin}` };
  }
  const readOnly = volume.persistentVolumeClaim?.readOnly ?? false;
  const spec = podSpec(pod, volume, { plugin, mode, readOnly, specName: pv.metadata.name ?? '', pv, pvc });
  const csi = pv.spec?.csi;
  if (!csi) return { spec };
  const driver = lookups.driver(csi.driver);
  if (driver === 'unknown')
    return { problem: `CSIDriver objects were not read yet; volume ${pv.metadata.name} waits for "${csi.driver}"` };
  return {
    spec: {
      ...spec,
      uniqueName: `kubernetes.io/csi/${csi.driver}^${csi.volumeHandle}`,
      deviceMountable: true,
      // No CSIDriver object means attach is required (upstream csi_plugin.go skipAttach).
      attachable: driver?.spec?.attachRequired ?? true,
    },
  };
}

type SpecFacts = Pick<VolumeSpec, 'plugin' | 'mode' | 'specName' | 'readOnly' | 'pv' | 'pvc'>;

function podSpec(pod: Pod, volume: Volume, facts: SpecFacts): VolumeSpec {
  const podUid = uidOf(pod);
  const uniqueName = `${facts.plugin}/${podUid}-${facts.specName}`;
  const local = { deviceMountable: false, attachable: false };
  return { ...facts, ...local, uniqueName, podVolumeName: volume.name, pod, podUid, volume };
}

function ownedBy(pvc: PersistentVolumeClaim, pod: Pod): boolean {
  return (pvc.metadata.ownerReferences ?? []).some((ref) => ref.controller === true && ref.uid === pod.metadata.uid);
}
