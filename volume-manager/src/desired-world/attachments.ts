import { type Informers, resources, type VolumeAttachment } from '@berth/kube';
import { attachmentName } from '../kubelet-dir/attachment-name.ts';
import { csiSource, type UniqueVolumeName, type VolumeSpec } from '../volume-spec.ts';

/** What the attach-detach controller and the attacher have said about this node's volumes. */
export class Attachments {
  readonly #nodeName: string;
  readonly #informers: Informers;
  #attached: ReadonlySet<UniqueVolumeName> = new Set();
  /** Undefined where the kubelet does not tell what it reported. */
  #inUse: ReadonlySet<UniqueVolumeName> | undefined;

  constructor(nodeName: string, informers: Informers) {
    this.#nodeName = nodeName;
    this.#informers = informers;
  }

  /** @returns the volumes for which something changed. */
  nodeStatus(
    attached: readonly UniqueVolumeName[],
    inUse: readonly UniqueVolumeName[] | undefined,
  ): Set<UniqueVolumeName> {
    const now = new Set(attached);
    const used = inUse && new Set(inUse);
    const changed = now.symmetricDifference(this.#attached);
    if (used) for (const name of used.symmetricDifference(this.#inUse ?? new Set<string>())) changed.add(name);
    this.#attached = now;
    this.#inUse = used ?? this.#inUse;
    return changed;
  }

  find(name: string): VolumeAttachment | undefined {
    return this.#informers.of(resources.volumeattachments).get(name);
  }

  /**
   * The volume may be staged: the controller lists it for this node, the node has said that it uses it (so that it is not
   * detached below us), and the attacher has done its part.
   */
  isAttached(spec: VolumeSpec): boolean {
    if (!spec.attachable) return true;
    if (!this.#attached.has(spec.uniqueName)) return false;
    if (this.#inUse && !this.#inUse.has(spec.uniqueName)) return false;
    const source = csiSource(spec);
    if (!source) return true;
    const attachment = this.find(attachmentName(source.handle, source.driver, this.#nodeName));
    return attachment?.status?.attached === true;
  }
}
