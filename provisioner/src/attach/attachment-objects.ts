import { type Clock, rfc3339 } from '@berth/kit';
import {
  type Informers,
  type KubeClient,
  type KubeObject,
  type PersistentVolume,
  type PersistentVolumeSpec,
  resources,
  type VolumeAttachment,
  type VolumeError,
} from '@berth/kube';
import { GrpcError, grpcCodes, rpcErrorText } from '@berth/protos';
import { attachedNodeId, attachFinalizer } from '../object-names.ts';

/** The objects the attacher reads and writes: attachments, and the finalizer it keeps on their volumes. */
export class AttachmentObjects {
  readonly #client: KubeClient;
  readonly #informers: Informers;
  readonly #clock: Clock;
  readonly #driverName: string;
  readonly finalizer: string;
  /** Own writes the watch may not have echoed: acting on older state would call the driver twice. */
  readonly #written = new Map<string, VolumeAttachment>();

  constructor(options: { client: KubeClient; informers: Informers; clock: Clock; driverName: string }) {
    this.#client = options.client;
    this.#informers = options.informers;
    this.#clock = options.clock;
    this.#driverName = options.driverName;
    this.finalizer = attachFinalizer(options.driverName);
    this.#informers.of(resources.volumeattachments).onChange((name, { after }) => {
      const own = this.#written.get(name);
      if (own && (!after || revision(after) >= revision(own))) this.#written.delete(name);
    });
  }

  attachment(name: string): VolumeAttachment | undefined {
    return this.#written.get(name) ?? this.#informers.of(resources.volumeattachments).get(name);
  }

  /** The attached volume's spec and, unless it is inline, its object. @throws Error – there is none, or not of CSI. */
  async volume(attachment: VolumeAttachment, signal: AbortSignal) {
    const { inlineVolumeSpec, persistentVolumeName: name } = attachment.spec.source;
    if (inlineVolumeSpec) return { spec: withCsi(inlineVolumeSpec, 'the inline volume'), object: undefined };
    if (name === undefined)
      throw new Error('neither InlineCSIVolumeSource nor PersistentVolumeName specified in VA source');
    const cached = this.#informers.of(resources.persistentvolumes).get(name);
    const object = cached ?? (await this.#client.get(resources.persistentvolumes, { name }, signal));
    return { spec: withCsi(object.spec, `persistent volume "${name}"`), object };
  }

  /** The driver's own name for a node. @throws Error – the driver is not registered there. */
  async nodeId(attachment: VolumeAttachment, signal: AbortSignal): Promise<string> {
    const { nodeName: name } = attachment.spec;
    const cached = this.#informers.of(resources.csinodes).get(name);
    const csiNode = cached ?? (await this.#client.find(resources.csinodes, { name }, signal));
    const id = csiNode?.spec.drivers.find((driver) => driver.name === this.#driverName)?.nodeID;
    // What was written down when it was attached still holds after the node has gone.
    const known = id ?? attachment.metadata.annotations?.[attachedNodeId];
    if (known !== undefined) return known;
    throw new Error(`CSINode ${name} does not contain driver ${this.#driverName}`);
  }

  async keepVolume(volume: PersistentVolume, signal: AbortSignal): Promise<void> {
    const { name, finalizers = [], deletionTimestamp } = volume.metadata;
    if (deletionTimestamp !== undefined) throw new Error(`PersistentVolume "${name}" is marked for deletion`);
    if (finalizers.includes(this.finalizer)) return;
    const next = structuredClone(volume);
    next.metadata.finalizers = [...finalizers, this.finalizer];
    await this.#client.update(resources.persistentvolumes, next, {}, signal);
  }

  async releaseVolume(volume: PersistentVolume, signal: AbortSignal): Promise<void> {
    const next = structuredClone(volume);
    next.metadata.finalizers = volume.metadata.finalizers?.filter((name) => name !== this.finalizer) ?? [];
    await this.#client.update(resources.persistentvolumes, next, {}, signal);
  }

  /** Writes the finalizer and the node's id down before the driver is asked. */
  async prepare(attachment: VolumeAttachment, nodeId: string, signal: AbortSignal): Promise<VolumeAttachment> {
    const { finalizers = [], annotations = {} } = attachment.metadata;
    if (finalizers.includes(this.finalizer) && annotations[attachedNodeId] === nodeId) return attachment;
    const next = structuredClone(attachment);
    next.metadata.finalizers = [...new Set([...finalizers, this.finalizer])];
    next.metadata.annotations = { ...annotations, [attachedNodeId]: nodeId };
    return this.#learn(await this.#client.update(resources.volumeattachments, next, {}, signal));
  }

  async markAttached(attachment: VolumeAttachment, metadata: Record<string, string>, signal: AbortSignal) {
    const details = Object.keys(metadata).length > 0 ? { attachmentMetadata: metadata } : {};
    await this.#writeStatus({ ...structuredClone(attachment), status: { attached: true, ...details } }, signal);
  }

  async markDetached(attachment: VolumeAttachment, signal: AbortSignal): Promise<void> {
    const next = structuredClone(attachment);
    next.metadata.finalizers = attachment.metadata.finalizers?.filter((name) => name !== this.finalizer) ?? [];
    await this.#client.update(resources.volumeattachments, next, {}, signal);
  }

  async saveError(
    attachment: VolumeAttachment,
    field: 'attachError' | 'detachError',
    error: unknown,
    signal: AbortSignal,
  ) {
    const next = structuredClone(attachment);
    next.status = { attached: false, ...next.status, [field]: this.#volumeError(error) };
    await this.#writeStatus(next, signal);
  }

  async #writeStatus(next: VolumeAttachment, signal: AbortSignal): Promise<void> {
    this.#learn(await this.#client.updateStatus(resources.volumeattachments, next, signal));
  }

  #learn(written: VolumeAttachment): VolumeAttachment {
    const { name = '' } = written.metadata;
    const seen = this.#informers.of(resources.volumeattachments).get(name);
    if (seen && revision(seen) < revision(written)) this.#written.set(name, written);
    return written;
  }

  #volumeError(error: unknown): VolumeError {
    const time = rfc3339(this.#clock.now());
    if (error instanceof GrpcError) return { time, message: rpcErrorText(error), errorCode: grpcCodes[error.code] };
    return { time, message: error instanceof Error ? error.message : String(error) };
  }
}

function withCsi(spec: PersistentVolumeSpec | undefined, what: string) {
  if (spec?.csi) return { ...spec, csi: spec.csi };
  throw new Error(`${what} has no CSI source`);
}

function revision(object: KubeObject): bigint {
  return BigInt(object.metadata.resourceVersion ?? 0);
}
