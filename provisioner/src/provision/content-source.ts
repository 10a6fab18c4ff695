import { messageOf } from '@berth/kit';
import { isReason, type KubeClient, type PersistentVolumeClaim } from '@berth/kube';
import type { csi, Init } from '@berth/protos';
import type { ConnectedDriver } from '../driver/connect-driver.ts';
import type { ClaimView } from './claim-view.ts';
import { clonedClaimOf, cloneSource, dataSourceOf, protectSource } from './clone-source.ts';
import { ProvisionError } from './outcome.ts';
import { protectSnapshot, restoredSnapshotOf, type SnapshotSource, snapshotSource } from './snapshot-source.ts';

export interface ContentOptions {
  readonly client: KubeClient;
  readonly view: ClaimView;
  readonly driver: ConnectedDriver;
  /** Where each node has a provisioner of its own: this one's. */
  readonly nodeName: string | undefined;
}

/**
 * What a claim's new volume is filled from, kept from going until that is done; undefined for an empty volume.
 * @throws ProvisionError NotStarted – the source cannot be used, or not yet; Reschedule – another node has it; Ignored – it
 *   is somebody else's to fill the volume.
 */
export async function contentSource(
  claim: PersistentVolumeClaim,
  options: ContentOptions,
  signal: AbortSignal,
): Promise<Init<csi.VolumeContentSource> | undefined> {
  const source = dataSourceOf(claim);
  if (!source) return undefined;
  // external-provisioner (dataSource) says so too: a grant of that namespace would have to be asked for, which is alpha.
  if (source.namespace) {
    const why = 'dataSourceRef namespace specified but the CrossNamespaceVolumeDataSource feature is disabled';
    throw new ProvisionError('NotStarted', why);
  }
  if (clonedClaimOf(claim) !== undefined) return await clone(claim, options, signal);
  if (restoredSnapshotOf(claim) !== undefined) return await restore(claim, options, signal);
  if (source.kind === 'VolumeSnapshot') {
    const group = `Expected snapshot.storage.k8s.io, Got ${source.apiGroup ?? ''}`;
    throw new ProvisionError('NotStarted', `the PVC source does not belong to the right APIGroup. ${group}`);
  }
  throw new ProvisionError('Ignored', 'Assuming an external populator will provision the volume');
}

async function clone(claim: PersistentVolumeClaim, options: ContentOptions, signal: AbortSignal) {
  const content = await handleOf(claim, () => cloneSource(claim, options));
  if (content) await protectSource(claim, options, signal);
  return content;
}

async function restore(claim: PersistentVolumeClaim, options: ContentOptions, signal: AbortSignal) {
  const { client, nodeName } = options;
  const source: SnapshotSource = await handleOf(claim, () => snapshotSource(claim, options, signal));
  if (nodeName !== undefined && source.node !== undefined && source.node !== nodeName) {
    throw new ProvisionError('Reschedule', `snapshot ${source.snapshot.metadata.name} is on node ${source.node} only`);
  }
  await protectSnapshot(client, source.snapshot, signal);
  return source.content;
}

async function handleOf<T>(claim: PersistentVolumeClaim, find: () => T | Promise<T>): Promise<T> {
  try {
    return await find();
  } catch (error) {
    if (isReason(error, 'Conflict')) throw error;
    const { kind, name } = dataSourceOf(claim) ?? {};
    // What the driver cannot do is said as it is.
    const message = messageOf(error);
    const unable = message.startsWith('CSI driver does not support');
    const about = `error getting handle for DataSource Type ${kind} by Name ${name}: `;
    throw new ProvisionError('NotStarted', unable ? message : about + message, { cause: error });
  }
}
