import { KubeClient, type PersistentVolume, type Pod, resources, type Transport } from '@berth/kube';

/** What the API server knows of volumes and pods, as of one moment. */
export interface ClusterView {
  /** The PV that a driver's volume is. */
  volumeOf(driver: string, handle: string): PersistentVolume | undefined;
  volumeNamed(name: string): PersistentVolume | undefined;
  volumesOfDriver(driver: string): readonly PersistentVolume[];
  podOf(uid: string): Pod | undefined;
}

/** @throws ApiError */
export async function loadClusterView(transport: Transport, signal: AbortSignal): Promise<ClusterView> {
  const client = new KubeClient(transport);
  const [volumes, pods] = await Promise.all([
    client.list(resources.persistentvolumes, {}, signal),
    client.list(resources.pods, {}, signal),
  ]);
  return viewOf(volumes.items, pods.items);
}

export function viewOf(volumes: readonly PersistentVolume[], pods: readonly Pod[]): ClusterView {
  const byHandle = new Map(volumes.map((pv) => [`${pv.spec?.csi?.driver} ${pv.spec?.csi?.volumeHandle}`, pv]));
  const byName = new Map(volumes.map((pv) => [pv.metadata.name, pv]));
  const byUid = new Map(pods.map((pod) => [pod.metadata.uid, pod]));
  return {
    volumeOf: (driver, handle) => byHandle.get(`${driver} ${handle}`),
    volumeNamed: (name) => byName.get(name),
    volumesOfDriver: (driver) => volumes.filter((pv) => pv.spec?.csi?.driver === driver),
    podOf: (uid) => byUid.get(uid),
  };
}

/** `namespace/name` of the claim a PV is bound to; empty where it is not. */
export function claimOf(pv: PersistentVolume | undefined): string {
  const ref = pv?.spec?.claimRef;
  return ref?.name ? `${ref.namespace}/${ref.name}` : '';
}

export function podName(pod: Pod | undefined): string {
  return pod ? `${pod.metadata.namespace}/${pod.metadata.name}` : '';
}
