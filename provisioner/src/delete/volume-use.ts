import { type Informers, type Node, type PersistentVolume, type Pod, resources } from '@berth/kube';

const attachmentsByVolume = 'provisioner/volume';
const nodesByVolumeInUse = 'provisioner/in-use';
const podsByClaim = 'provisioner/claim';

/** Who still uses a volume, as far as the API tells: attachments, nodes that report it mounted, pods of its claim. */
export class VolumeUse {
  readonly #informers: Informers;

  constructor(informers: Informers) {
    this.#informers = informers;
    informers.of(resources.volumeattachments).addIndex(attachmentsByVolume, ({ spec }) => {
      const { persistentVolumeName } = spec.source;
      return persistentVolumeName === undefined ? [] : [persistentVolumeName];
    });
    informers.of(resources.nodes).addIndex(nodesByVolumeInUse, volumesInUse);
    informers.of(resources.pods).addIndex(podsByClaim, claimKeys);
  }

  /** Why the volume must not be deleted yet, or undefined. */
  of(volume: PersistentVolume): string | undefined {
    const { name = '' } = volume.metadata;
    const [attachment] = this.#informers.of(resources.volumeattachments).byIndex(attachmentsByVolume, name);
    if (attachment) return `persistentvolume ${name} is still attached to node ${attachment.spec.nodeName}`;
    const { csi, claimRef } = volume.spec ?? {};
    const uniqueName = `kubernetes.io/csi/${csi?.driver}^${csi?.volumeHandle}`;
    const [node] = this.#informers.of(resources.nodes).byIndex(nodesByVolumeInUse, uniqueName);
    if (node) return `persistentvolume ${name} is still in use on node ${node.metadata.name}`;
    const [pod] = claimRef ? this.#podsOf(`${claimRef.namespace}/${claimRef.name}`, claimRef.uid) : [];
    if (pod) return `persistentvolume ${name} is still used by pod ${pod.metadata.namespace}/${pod.metadata.name}`;
    return undefined;
  }

  /** Scheduled pods of the claim; where a new claim has taken its name, the pods are the new one's. */
  #podsOf(claimKey: string, uid: string | undefined): Pod[] {
    const successor = this.#informers.of(resources.persistentvolumeclaims).get(claimKey);
    if (successor && successor.metadata.uid !== uid) return [];
    return this.#informers
      .of(resources.pods)
      .byIndex(podsByClaim, claimKey)
      .filter((pod) => pod.spec?.nodeName);
  }

  /** Calls `freed` whenever something that used volumes changed or went. */
  onRelease(freed: () => void): Disposable {
    const handlers = new DisposableStack();
    handlers.use(this.#informers.of(resources.volumeattachments).onChange((_, { after }) => !after && freed()));
    handlers.use(this.#informers.of(resources.pods).onChange((_, { after }) => !after && freed()));
    handlers.use(
      this.#informers.of(resources.nodes).onChange((_, { before, after }) => {
        const [was, is] = [before, after].map((node) => (node ? volumesInUse(node) : []));
        if (was?.some((name) => !is?.includes(name))) freed();
      }),
    );
    return handlers;
  }
}

function volumesInUse(node: Node): readonly string[] {
  return node.status?.volumesInUse ?? [];
}

function claimKeys({ metadata, spec }: Pod): string[] {
  return (spec?.volumes ?? []).flatMap(({ name, persistentVolumeClaim, ephemeral }) => {
    if (persistentVolumeClaim) return [`${metadata.namespace}/${persistentVolumeClaim.claimName}`];
    return ephemeral ? [`${metadata.namespace}/${metadata.name}-${name}`] : [];
  });
}
