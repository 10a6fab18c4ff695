import { type Informers, isConflict, isNotFound, type KubeClient, resources, type VolumeAttachment } from '@berth/kube';
import type { ConnectedDriver } from '../driver/connect-driver.ts';
import { readSecrets } from '../secrets.ts';
import { volumeCapability } from '../volume-capability.ts';
import type { AttachmentObjects } from './attachment-objects.ts';

export interface AttacherOptions {
  readonly client: KubeClient;
  readonly informers: Informers;
  readonly driver: ConnectedDriver;
  readonly objects: AttachmentObjects;
  readonly defaultFsType: string;
}

/** Carries out VolumeAttachments by ControllerPublishVolume and ControllerUnpublishVolume (external-attacher csi_handler.go). */
export class Attacher {
  readonly #options: AttacherOptions;

  constructor(options: AttacherOptions) {
    this.#options = options;
  }

  async reconcile(name: string, signal: AbortSignal): Promise<undefined> {
    const { objects, driver } = this.#options;
    const attachment = objects.attachment(name);
    if (!attachment || attachment.spec.attacher !== driver.name) return;
    if (attachment.metadata.deletionTimestamp !== undefined) return this.#detach(attachment, signal);
    if (attachment.status?.attached) return;
    // A driver that does not attach has nothing to be waited for.
    if (!driver.can('PUBLISH_UNPUBLISH_VOLUME')) await objects.markAttached(attachment, {}, signal);
    else await this.#attach(attachment, signal);
  }

  /** The finalizer goes from a volume that is being deleted when its last attachment has gone. */
  async releaseVolume(name: string, signal: AbortSignal): Promise<undefined> {
    const { informers, objects } = this.#options;
    const volume = informers.of(resources.persistentvolumes).get(name);
    const held = volume?.metadata.finalizers?.includes(objects.finalizer);
    if (!volume || !held || volume.metadata.deletionTimestamp === undefined) return;
    if (informers.of(resources.volumeattachments).byIndex(attachmentsByVolume, name).length > 0) return;
    await objects.releaseVolume(volume, signal);
  }

  async #attach(attachment: VolumeAttachment, signal: AbortSignal): Promise<void> {
    const { objects } = this.#options;
    let prepared = attachment;
    try {
      const { spec, object } = await objects.volume(attachment, signal);
      const nodeId = await objects.nodeId(attachment, signal);
      if (object) await objects.keepVolume(object, signal);
      prepared = await objects.prepare(attachment, nodeId, signal);
      const publishContext = await this.#publish(spec, nodeId, signal);
      await objects.markAttached(prepared, publishContext, signal);
    } catch (error) {
      await this.#report(prepared, 'attachError', error, signal);
    }
  }

  async #publish(spec: Spec, nodeId: string, signal: AbortSignal): Promise<Record<string, string>> {
    const { client, driver, defaultFsType } = this.#options;
    const { csi } = spec;
    const answer = await driver.calls.controller(
      'ControllerPublishVolume',
      {
        volumeId: csi.volumeHandle,
        nodeId,
        readonly: driver.can('PUBLISH_READONLY') && csi.readOnly === true,
        volumeContext: { ...csi.volumeAttributes },
        secrets: await readSecrets(client, csi.controllerPublishSecretRef, signal),
        volumeCapability: volumeCapability({
          accessModes: spec.accessModes ?? [],
          volumeMode: spec.volumeMode,
          fsType: csi.fsType ?? defaultFsType,
          mountFlags: spec.mountOptions,
          finerSingleNode: driver.can('SINGLE_NODE_MULTI_WRITER'),
        }),
      },
      signal,
    );
    return answer.publishContext;
  }

  async #detach(attachment: VolumeAttachment, signal: AbortSignal): Promise<undefined> {
    const { objects, driver, client } = this.#options;
    if (!attachment.metadata.finalizers?.includes(objects.finalizer)) return;
    try {
      const { spec } = await objects.volume(attachment, signal);
      const nodeId = await objects.nodeId(attachment, signal);
      const secrets = await readSecrets(client, spec.csi.controllerPublishSecretRef, signal);
      const request = { volumeId: spec.csi.volumeHandle, nodeId, secrets };
      await driver.calls.controller('ControllerUnpublishVolume', request, signal);
      await objects.markDetached(attachment, signal);
    } catch (error) {
      await this.#report(attachment, 'detachError', error, signal);
    }
  }

  async #report(
    attachment: VolumeAttachment,
    field: 'attachError' | 'detachError',
    error: unknown,
    signal: AbortSignal,
  ): Promise<never> {
    signal.throwIfAborted();
    if (!isConflict(error)) {
      await this.#options.objects.saveError(attachment, field, error, signal).catch((second: unknown) => {
        if (!isConflict(second) && !isNotFound(second)) throw second;
      });
    }
    throw error;
  }
}

type Spec = Awaited<ReturnType<AttachmentObjects['volume']>>['spec'];

export const attachmentsByVolume = 'attacher/volume';
