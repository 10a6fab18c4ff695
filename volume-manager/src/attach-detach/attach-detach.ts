import type { Clock, Logger } from '@berth/kit';
import {
  type EventRecorder,
  isAlreadyExists,
  isNotFound,
  type KubeClient,
  type PersistentVolume,
  type Pod,
  resources,
  type VolumeAttachment,
} from '@berth/kube';
import { attachmentName } from '../kubelet-dir/attachment-name.ts';
import { type AttachWorld, uniqueNameOf, uniqueNameOfAttachment } from './attach-world.ts';
import { decideDetach } from './detach-decision.ts';
import { isMultiAttachAllowed, multiAttachMessage } from './multi-attach.ts';
import type { NodeReport } from './node-report.ts';

export interface AttachDetachOptions {
  readonly client: KubeClient;
  readonly world: AttachWorld;
  readonly report: NodeReport;
  readonly clock: Clock;
  readonly log: Logger;
  readonly events: EventRecorder;
}

/** Attaches and detaches one PV at a time, by VolumeAttachments that the driver's attacher acts on. */
export class AttachDetach {
  readonly #options: AttachDetachOptions;
  /** Created, but not seen by the informer yet. By PV, then by attachment name. */
  readonly #created = new Map<string, Map<string, VolumeAttachment>>();
  /** Since when an attachment is to go. */
  readonly #unwantedSince = new Map<string, number>();
  /** Multi-attach errors told already: once for each wait (upstream SetMultiAttachError). */
  readonly #told = new Set<string>();

  constructor(options: AttachDetachOptions) {
    this.#options = options;
  }

  /** The informer has caught up with an attachment. */
  observed(pvName: string, attachment: string, gone: boolean): void {
    const created = this.#created.get(pvName);
    created?.delete(attachment);
    if (created?.size === 0) this.#created.delete(pvName);
    if (!gone) return;
    this.#unwantedSince.delete(attachment);
    this.#options.report.restore(attachment);
  }

  /** Detaches before it attaches, so that a volume can move (upstream reconciler.go). */
  async reconcile(pvName: string, signal: AbortSignal): Promise<undefined | { afterMs: number }> {
    const { world } = this.#options;
    const pv = world.volumes.get(pvName);
    const wanted = world.wantedNodes(pv);
    const present = this.#present(pvName);
    const waits: number[] = [];
    for (const attachment of present) {
      if (wanted.has(attachment.spec.nodeName)) await this.#keep(attachment, signal);
      else waits.push(...(await this.#detach(attachment, pv, signal)));
    }
    if (pv) await this.#attachAll(pv, { wanted, present }, signal);
    return waits.length > 0 ? { afterMs: Math.min(...waits) } : undefined;
  }

  #present(pvName: string): VolumeAttachment[] {
    const known = this.#options.world.attachments.byIndex('pv', pvName);
    const names = new Set(known.map(({ metadata }) => metadata.name));
    const created = [...(this.#created.get(pvName)?.values() ?? [])];
    return [...known, ...created.filter(({ metadata }) => !names.has(metadata.name))];
  }

  /** Wanted (again): what was begun to undo it is taken back, unless it was deleted already. */
  async #keep(attachment: VolumeAttachment, signal: AbortSignal): Promise<void> {
    const { name = '', deletionTimestamp } = attachment.metadata;
    if (deletionTimestamp !== undefined || !this.#unwantedSince.delete(name)) return;
    this.#options.report.restore(name);
    await this.#options.report.write(attachment.spec.nodeName, signal);
  }

  async #attachAll(
    pv: PersistentVolume,
    { wanted, present }: { wanted: ReadonlyMap<string, Pod[]>; present: readonly VolumeAttachment[] },
    signal: AbortSignal,
  ): Promise<void> {
    const nodes = new Set(present.map(({ spec }) => spec.nodeName));
    for (const [node, pods] of wanted) {
      if (nodes.has(node) || !this.#options.world.nodes.get(node)) continue;
      if (nodes.size > 0 && !isMultiAttachAllowed(pv)) {
        this.#tellMultiAttach(pv, {
          node,
          pods,
          elsewhere: [...wanted].flatMap(([other, its]) => (nodes.has(other) ? its : [])),
        });
        continue;
      }
      this.#told.delete(`${pv.metadata.name} ${node}`);
      await this.#attach(pv, node, signal);
      nodes.add(node);
    }
  }

  async #attach(pv: PersistentVolume, nodeName: string, signal: AbortSignal): Promise<void> {
    const { client, log } = this.#options;
    const { driver = '', volumeHandle = '' } = pv.spec?.csi ?? {};
    const pvName = pv.metadata.name ?? '';
    const name = attachmentName(volumeHandle, driver, nodeName);
    const attachment: VolumeAttachment = {
      metadata: { name },
      spec: { attacher: driver, nodeName, source: { persistentVolumeName: pvName } },
    };
    const created = this.#created.get(pvName) ?? new Map<string, VolumeAttachment>();
    this.#created.set(pvName, created.set(name, attachment));
    try {
      await client.create(resources.volumeattachments, attachment, {}, signal);
      log.info('attaching a volume', { volume: pvName, node: nodeName });
    } catch (error) {
      // One that is being deleted is seen by the informer, and made anew once it is gone.
      if (isAlreadyExists(error)) return;
      this.observed(pvName, name, false);
      throw error;
    }
  }

  /** @returns how long to wait before looking again, where the node still uses the volume. */
  async #detach(
    attachment: VolumeAttachment,
    pv: PersistentVolume | undefined,
    signal: AbortSignal,
  ): Promise<number[]> {
    const { world, report, clock, log, client } = this.#options;
    const { name = '', deletionTimestamp } = attachment.metadata;
    const { nodeName, source } = attachment.spec;
    if (deletionTimestamp !== undefined || !/^csi-[0-9a-f]{64}$/.test(name)) return [];
    const node = world.nodes.get(nodeName);
    const volumeName = pv ? uniqueNameOf(pv) : uniqueNameOfAttachment(attachment, pv, node);
    if (pv && uniqueNameOfAttachment(attachment, pv, node) === undefined) return [];
    const since = this.#unwantedSince.get(name) ?? clock.monotonicMs();
    this.#unwantedSince.set(name, since);
    const decision = decideDetach(node, volumeName, clock.monotonicMs() - since);
    if (!decision.detach) return decision.afterMs === undefined ? [] : [decision.afterMs];
    // Off the report first, so that no kubelet mounts it now; one that has begun says so in what it reports.
    const after = await report.withdraw(attachment, signal);
    if (!decision.forced && volumeName !== undefined && after?.status?.volumesInUse?.includes(volumeName)) {
      report.restore(name);
      await report.write(nodeName, signal);
      return [];
    }
    if (decision.forced)
      log.warn('detaching by force', { volume: source.persistentVolumeName, node: nodeName, reason: decision.forced });
    await client.delete(resources.volumeattachments, { name }, {}, signal).catch((error: unknown) => {
      if (!isNotFound(error)) throw error;
    });
    return [];
  }

  #tellMultiAttach(
    pv: PersistentVolume,
    { node, pods, elsewhere }: { node: string; pods: Pod[]; elsewhere: Pod[] },
  ): void {
    const key = `${pv.metadata.name} ${node}`;
    if (this.#told.has(key)) return;
    this.#told.add(key);
    for (const pod of pods) {
      const message = multiAttachMessage(pv.metadata.name ?? '', pod, elsewhere);
      this.#options.events.event(pod, 'Warning', 'FailedAttachVolume', message);
    }
  }
}
