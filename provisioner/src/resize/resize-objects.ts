import { type Clock, rfc3339 } from '@berth/kit';
import {
  type EventRecorder,
  type KubeClient,
  type PersistentVolume,
  type PersistentVolumeClaim,
  type PersistentVolumeClaimCondition,
  type Quantity,
  resources,
} from '@berth/kube';
import { expansionStatus, storageOf } from './expansion-plan.ts';

/** Tells kubelets that what is on the volume need not grow. */
const nodeExpansionNotRequired = 'volume.kubernetes.io/node-expansion-not-required';

const resizeConditions = new Set(['Resizing', 'FileSystemResizePending', 'ControllerResizeError', 'NodeResizeError']);

export interface ResizeObjectsOptions {
  readonly client: KubeClient;
  readonly events: EventRecorder;
  readonly clock: Clock;
}

/** What an expansion writes into claims and volumes, and tells of them (external-resizer resize_status.go). */
export class ResizeObjects {
  readonly #client: KubeClient;
  readonly #events: EventRecorder;
  readonly #clock: Clock;

  constructor({ client, events, clock }: ResizeObjectsOptions) {
    this.#client = client;
    this.#events = events;
    this.#clock = clock;
  }

  tell(claim: PersistentVolumeClaim, type: 'Normal' | 'Warning', reason: string, message: string): void {
    this.#events.event({ apiVersion: 'v1', kind: 'PersistentVolumeClaim', ...claim }, type, reason, message);
  }

  /** Written before the driver is asked. `resumes`: the claim says so already, but for the condition perhaps. */
  async begin(
    claim: PersistentVolumeClaim,
    { size, resumes }: { readonly size: Quantity; readonly resumes: boolean },
    signal: AbortSignal,
  ): Promise<PersistentVolumeClaim> {
    const known = claim.status?.conditions ?? [];
    const required = claim.metadata.annotations?.[nodeExpansionNotRequired] === undefined;
    if (resumes && required && known.some(({ type, status }) => type === 'Resizing' && status === 'True')) return claim;
    const conditions = this.#merged(known, { type: 'Resizing', keepOthers: resumes });
    const status = {
      conditions,
      allocatedResources: { storage: size.toString() },
      ...(resumes ? {} : { allocatedResourceStatuses: { storage: 'ControllerResizeInProgress' } }),
    };
    return this.#patch(claim, { ...withoutMark(claim), status }, signal);
  }

  /** The volume has its new size. */
  async setCapacity(volume: PersistentVolume, size: Quantity, signal: AbortSignal): Promise<void> {
    if (storageOf(volume.spec?.capacity)?.equals(size)) return;
    const patch = { spec: { capacity: { storage: size.toString() } } };
    const { name = '' } = volume.metadata;
    await this.#client.patch(resources.persistentvolumes, { name }, { type: 'merge', patch }, {}, signal);
  }

  /** The node's part is left. */
  async handToNode(claim: PersistentVolumeClaim, signal: AbortSignal): Promise<void> {
    const message = 'Waiting for user to (re-)start a pod to finish file system resize of volume on node.';
    const conditions = this.#merged(claim.status?.conditions ?? [], {
      type: 'FileSystemResizePending',
      message,
      keepOthers: true,
    });
    const status = { conditions, allocatedResourceStatuses: { storage: 'NodeResizePending' } };
    await this.#patch(claim, { ...withoutMark(claim), status }, signal);
    this.tell(claim, 'Normal', 'FileSystemResizeRequired', 'Require file system resize of volume on node');
  }

  async finish(claim: PersistentVolumeClaim, size: Quantity, signal: AbortSignal): Promise<void> {
    const rest = (claim.status?.conditions ?? []).filter(({ type }) => !resizeConditions.has(type));
    const status = {
      capacity: { storage: size.toString() },
      conditions: rest.length > 0 ? rest : null,
      allocatedResourceStatuses: { storage: null },
    };
    const metadata = { annotations: { [nodeExpansionNotRequired]: 'true' } };
    await this.#patch(claim, { metadata, status }, signal);
    this.tell(claim, 'Normal', 'VolumeResizeSuccessful', 'Resize volume succeeded');
  }

  /** A final failure. Not bound to a version: it must not be lost because something else changed meanwhile. */
  async fail(
    claim: PersistentVolumeClaim,
    { message, infeasible }: { readonly message: string; readonly infeasible: boolean },
    signal: AbortSignal,
  ): Promise<void> {
    const words = `failed to expand pvc with ${message}`;
    const status = {
      conditions: [this.#condition('ControllerResizeError', words)],
      ...(infeasible ? { allocatedResourceStatuses: { storage: 'ControllerResizeInfeasible' } } : {}),
    };
    const told = claim.status?.conditions?.some((one) => one.type === 'ControllerResizeError' && one.message === words);
    if (told && (!infeasible || expansionStatus(claim) === 'ControllerResizeInfeasible')) return;
    await this.#client.patch(
      resources.persistentvolumeclaims,
      refOf(claim),
      { type: 'strategic', patch: { status } },
      { subresource: 'status' },
      signal,
    );
  }

  #patch(claim: PersistentVolumeClaim, change: Change, signal: AbortSignal): Promise<PersistentVolumeClaim> {
    const { resourceVersion } = claim.metadata;
    const patch = { ...change, metadata: { ...change.metadata, resourceVersion } };
    return this.#client.patch(
      resources.persistentvolumeclaims,
      refOf(claim),
      { type: 'merge', patch },
      { subresource: 'status' },
      signal,
    );
  }

  #merged(
    known: readonly PersistentVolumeClaimCondition[],
    { type, message, keepOthers }: { readonly type: string; readonly message?: string; readonly keepOthers: boolean },
  ): PersistentVolumeClaimCondition[] {
    const kept = known.filter((one) => one.type !== type && (keepOthers || !resizeConditions.has(one.type)));
    return [...kept, this.#condition(type, message)];
  }

  #condition(type: string, message?: string): PersistentVolumeClaimCondition {
    const lastTransitionTime = rfc3339(this.#clock.now());
    return { type, status: 'True', lastTransitionTime, ...(message === undefined ? {} : { message }) };
  }
}

interface Change {
  readonly metadata?: { readonly annotations: Readonly<Record<string, string | null>> };
  readonly status: object;
}

function withoutMark({ metadata }: PersistentVolumeClaim): Pick<Change, 'metadata'> {
  if (metadata.annotations?.[nodeExpansionNotRequired] === undefined) return {};
  return { metadata: { annotations: { [nodeExpansionNotRequired]: null } } };
}

function refOf({ metadata: { namespace = '', name = '' } }: PersistentVolumeClaim) {
  return { namespace, name };
}
