import {
  type Informer,
  type Informers,
  type Node,
  type PersistentVolume,
  type Pod,
  resources,
  type VolumeAttachment,
} from '@berth/kube';
import { claimNameOf } from '../desired-world/resolve-volume.ts';
import { attachmentName } from '../kubelet-dir/attachment-name.ts';

/** The objects the attach-detach controller reads, with the indexes it needs. */
export class AttachWorld {
  readonly pods: Informer<Pod>;
  readonly nodes: Informer<Node>;
  readonly attachments: Informer<VolumeAttachment>;
  readonly volumes: Informer<PersistentVolume>;
  readonly #informers: Informers;

  constructor(informers: Informers) {
    this.#informers = informers;
    this.pods = informers.of(resources.pods);
    this.nodes = informers.of(resources.nodes);
    this.attachments = informers.of(resources.volumeattachments);
    this.volumes = informers.of(resources.persistentvolumes);
    this.pods.addIndex('claim', claimKeys);
    this.pods.addIndex('node', (pod) => (pod.spec?.nodeName ? [pod.spec.nodeName] : []));
    this.attachments.addIndex('pv', ({ spec }) =>
      spec.source.persistentVolumeName ? [spec.source.persistentVolumeName] : [],
    );
    this.attachments.addIndex('node', ({ spec }) => [spec.nodeName]);
    this.volumes.addIndex('driver', ({ spec }) => (spec?.csi ? [spec.csi.driver] : []));
  }

  /** The PVs behind a pod's claims. */
  volumesOfPod(pod: Pod): string[] {
    const claims = this.#informers.of(resources.persistentvolumeclaims);
    return claimKeys(pod).flatMap((key) => claims.get(key)?.spec?.volumeName ?? []);
  }

  /** The pods that want a PV attached where they are scheduled, by node; none where its driver does not attach. */
  wantedNodes(pv: PersistentVolume | undefined): Map<string, Pod[]> {
    const wanted = new Map<string, Pod[]>();
    const claimRef = pv?.spec?.claimRef;
    if (!pv || !claimRef || !this.isAttachable(pv)) return wanted;
    const key = `${claimRef.namespace}/${claimRef.name}`;
    const claim = this.#informers.of(resources.persistentvolumeclaims).get(key);
    if (claim?.spec?.volumeName !== pv.metadata.name || claim?.metadata.uid !== claimRef.uid) return wanted;
    for (const pod of this.pods.byIndex('claim', key)) {
      const node = pod.spec?.nodeName;
      if (!node || isTerminated(pod) || !this.#isManaged(node)) continue;
      wanted.set(node, [...(wanted.get(node) ?? []), pod]);
    }
    return wanted;
  }

  isAttachable(pv: PersistentVolume): boolean {
    const driver = pv.spec?.csi?.driver;
    if (driver === undefined) return false;
    return this.#informers.of(resources.csidrivers).get(driver)?.spec?.attachRequired ?? true;
  }

  /**
   * Nodes whose kubelet attaches by itself say so; ours never does. One whose object is gone keeps what its pods use until these are
   * gone too (upstream DesiredStateOfWorld.DeleteNode): they may still run, and write.
   */
  #isManaged(name: string): boolean {
    const annotations = this.nodes.get(name)?.metadata.annotations;
    return annotations?.['volumes.kubernetes.io/controller-managed-attach-detach'] !== 'false';
  }
}

export function uniqueNameOf(pv: PersistentVolume): string {
  return `kubernetes.io/csi/${pv.spec?.csi?.driver}^${pv.spec?.csi?.volumeHandle}`;
}

/**
 * The unique name of an attachment's volume; where the PV is gone, found among what its node uses.
 * Undefined for an attachment that someone else made under another name, or that nobody uses.
 */
export function uniqueNameOfAttachment(
  { metadata, spec }: VolumeAttachment,
  pv: PersistentVolume | undefined,
  node: Node | undefined,
): string | undefined {
  const isIts = (handle: string) => attachmentName(handle, spec.attacher, spec.nodeName) === metadata.name;
  if (pv) return isIts(pv.spec?.csi?.volumeHandle ?? '') ? uniqueNameOf(pv) : undefined;
  const prefix = `kubernetes.io/csi/${spec.attacher}^`;
  const names = [
    ...(node?.status?.volumesInUse ?? []),
    ...(node?.status?.volumesAttached ?? []).map(({ name }) => name),
  ];
  return names.find((name) => name.startsWith(prefix) && isIts(name.slice(prefix.length)));
}

function claimKeys(pod: Pod): string[] {
  return (pod.spec?.volumes ?? []).flatMap((volume) => {
    const name = claimNameOf(pod, volume);
    return name === undefined ? [] : [`${pod.metadata.namespace}/${name}`];
  });
}

/** Nothing of it runs any more (upstream volume/util IsPodTerminated); volumesInUse protects what is still mounted. */
function isTerminated({ metadata, status }: Pod): boolean {
  if (status?.phase === 'Succeeded' || status?.phase === 'Failed') return true;
  if (metadata.deletionTimestamp === undefined) return false;
  return (status?.containerStatuses ?? []).every(({ state }) => state?.terminated || state?.waiting);
}
