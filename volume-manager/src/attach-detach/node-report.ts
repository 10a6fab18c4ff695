import { KeyedMutex } from '@berth/kit';
import { isNotFound, type KubeClient, type Node, resources, type VolumeAttachment } from '@berth/kube';
import { type AttachWorld, uniqueNameOfAttachment } from './attach-world.ts';

/** Writes `node.status.volumesAttached`, which tells a kubelet what it may mount. */
export class NodeReport {
  readonly #client: KubeClient;
  readonly #world: AttachWorld;
  readonly #turns = new KeyedMutex();
  /** Attachments on their way out: taken off the report before they are deleted. */
  readonly #withdrawn = new Set<string>();
  /** What was written last, since the informer may still show what was before. */
  readonly #written = new Map<string, string>();

  constructor(client: KubeClient, world: AttachWorld) {
    this.#client = client;
    this.#world = world;
  }

  /** Brings one node's report up to date. */
  write(nodeName: string, signal: AbortSignal): Promise<Node | undefined> {
    return this.#turns.run(nodeName, () => this.#write(nodeName, signal));
  }

  /**
   * Takes an attachment off its node's report. @returns the node as it is then; undefined where it is gone.
   */
  async withdraw(attachment: VolumeAttachment, signal: AbortSignal): Promise<Node | undefined> {
    this.#withdrawn.add(attachment.metadata.name ?? '');
    return this.write(attachment.spec.nodeName, signal);
  }

  /** The attachment stays after all, or is gone. */
  restore(attachmentName: string): void {
    this.#withdrawn.delete(attachmentName);
  }

  async #write(nodeName: string, signal: AbortSignal): Promise<Node | undefined> {
    const node = this.#world.nodes.get(nodeName);
    if (!node) {
      this.#written.delete(nodeName);
      return undefined;
    }
    const wanted = this.#attached(nodeName, node).map((name) => ({ name, devicePath: '' }));
    const text = JSON.stringify(wanted);
    const known = JSON.stringify(
      (node.status?.volumesAttached ?? []).map(({ name, devicePath }) => ({ name, devicePath })),
    );
    if (known === text && (this.#written.get(nodeName) ?? text) === text) return node;
    try {
      const patch = { status: { volumesAttached: wanted.length > 0 ? wanted : null } };
      const ref = { name: nodeName };
      const after = await this.#client.patch(
        resources.nodes,
        ref,
        { type: 'merge', patch },
        { subresource: 'status' },
        signal,
      );
      this.#written.set(nodeName, text);
      return after;
    } catch (error) {
      if (isNotFound(error)) return undefined;
      throw error;
    }
  }

  #attached(nodeName: string, node: Node): string[] {
    const names = this.#world.attachments.byIndex('node', nodeName).flatMap((attachment) => {
      const { metadata, status, spec } = attachment;
      if (!status?.attached || metadata.deletionTimestamp !== undefined || this.#withdrawn.has(metadata.name ?? ''))
        return [];
      const pv = this.#world.volumes.get(spec.source.persistentVolumeName ?? '');
      return uniqueNameOfAttachment(attachment, pv, node) ?? [];
    });
    return [...new Set(names)].sort();
  }
}
