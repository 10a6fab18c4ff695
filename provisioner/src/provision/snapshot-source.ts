import {
  copyJson,
  isNotFound,
  isReason,
  type KubeClient,
  type KubeObject,
  type PersistentVolumeClaim,
  Quantity,
  resourceType,
} from '@berth/kube';
import type { csi, Init } from '@berth/protos';
import type { ConnectedDriver } from '../driver/connect-driver.ts';
import { snapshotProtection } from '../object-names.ts';
import { dataSourceOf } from './clone-source.ts';

const group = 'snapshot.storage.k8s.io';

export interface VolumeSnapshot extends KubeObject {
  readonly status?: {
    readonly boundVolumeSnapshotContentName?: string;
    readonly readyToUse?: boolean;
    readonly restoreSize?: string;
  };
}

export interface VolumeSnapshotContent extends KubeObject {
  readonly spec: {
    readonly driver: string;
    readonly sourceVolumeMode?: string;
    readonly volumeSnapshotRef: { readonly name?: string; readonly namespace?: string; readonly uid?: string };
  };
  readonly status?: { readonly snapshotHandle?: string };
}

/** external-snapshotter's kinds, which a cluster has by CustomResourceDefinitions. */
export const volumeSnapshots = resourceType<VolumeSnapshot>(group, 'v1', 'volumesnapshots', 'VolumeSnapshot', true);
export const volumeSnapshotContents = resourceType<VolumeSnapshotContent>(
  group,
  'v1',
  'volumesnapshotcontents',
  'VolumeSnapshotContent',
  false,
);

/** Where nodes take their snapshots themselves: which one has it (snapshot-controller, --enable-distributed-snapshotting). */
const managedBy = 'snapshot.storage.kubernetes.io/managed-by';
const allowModeChange = 'snapshot.storage.kubernetes.io/allow-volume-mode-change';

/** The name of the snapshot a claim is to be restored from. */
export function restoredSnapshotOf(claim: PersistentVolumeClaim): string | undefined {
  const source = dataSourceOf(claim);
  const isOne = source?.kind === 'VolumeSnapshot' && source.apiGroup === group && !source.namespace;
  return isOne ? source.name : undefined;
}

/** A snapshot that a volume can be made of, and where it is. */
export interface SnapshotSource {
  readonly content: Init<csi.VolumeContentSource>;
  readonly snapshot: VolumeSnapshot;
  /** The only node that has it; undefined where all do. */
  readonly node: string | undefined;
}

/**
 * The content of a claim's new volume, in external-provisioner's rules and words (getSnapshotSource).
 * @throws Error – what the claim names cannot be restored, or not yet; ApiError – the API server cannot be asked.
 */
export async function snapshotSource(
  claim: PersistentVolumeClaim,
  { client, driver }: { readonly client: KubeClient; readonly driver: ConnectedDriver },
  signal: AbortSignal,
): Promise<SnapshotSource> {
  if (!driver.can('CREATE_DELETE_SNAPSHOT')) {
    const missing = 'controller CREATE_DELETE_SNAPSHOT capability is not reported';
    throw new Error(`CSI driver does not support snapshot restore: ${missing}`);
  }
  const name = restoredSnapshotOf(claim) ?? '';
  const snapshot = await snapshotNamed(client, { namespace: claim.metadata.namespace ?? '', name }, signal);
  const { deletionTimestamp, finalizers = [] } = snapshot.metadata;
  // One that was begun goes on: else what the driver may have made already would be left behind.
  if (deletionTimestamp && !finalizers.includes(snapshotProtection))
    throw new Error(`snapshot ${name} is being deleted`);
  const content = await contentOf(client, snapshot, signal);
  const className = claim.spec?.storageClassName;
  if (content.spec.driver !== driver.name) {
    const of = `snapshotcontent ${content.metadata.name} for snapshot ${name}`;
    throw new Error(`${of} is not handled by CSI driver of StorageClass ${className}`);
  }
  if (!snapshot.status?.readyToUse) throw new Error(`snapshot ${name} is not Ready`);
  const snapshotId = content.status?.snapshotHandle;
  if (snapshotId === undefined) throw new Error(`snapshot handle ${name} is not available`);
  refuseSmaller(claim, snapshot);
  refuseOtherMode(claim, content);
  return { content: { snapshot: { snapshotId } }, snapshot, node: content.metadata.labels?.[managedBy] };
}

async function snapshotNamed(
  client: KubeClient,
  ref: { readonly namespace: string; readonly name: string },
  signal: AbortSignal,
): Promise<VolumeSnapshot> {
  try {
    return await client.get(volumeSnapshots, ref, signal);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new Error(`error getting snapshot ${ref.name} from api server: ${reason}`, { cause: error });
  }
}

async function contentOf(
  client: KubeClient,
  { metadata, status }: VolumeSnapshot,
  signal: AbortSignal,
): Promise<VolumeSnapshotContent> {
  const name = status?.boundVolumeSnapshotContentName;
  if (name === undefined) throw new Error(`snapshot ${metadata.name} not bound`);
  const of = `snapshotcontent ${name} for snapshot ${metadata.name}`;
  const content = await client.get(volumeSnapshotContents, { name }, signal).catch((error: unknown) => {
    throw new Error(`error getting ${of}`, { cause: error });
  });
  const { volumeSnapshotRef: ref } = content.spec;
  if (ref.uid === metadata.uid && ref.namespace === metadata.namespace && ref.name === metadata.name) return content;
  throw new Error(`${of} is bound to a different snapshot`);
}

function refuseSmaller({ spec }: PersistentVolumeClaim, { metadata, status }: VolumeSnapshot): void {
  if (status?.restoreSize === undefined) return;
  const [asked, has] = [spec?.resources?.requests?.['storage'] ?? '0', status.restoreSize].map((text) =>
    Quantity.parse(text).value(),
  ) as [bigint, bigint];
  if (asked >= has) return;
  const sizes = `requested volume size ${asked} is less than the size ${has}`;
  throw new Error(`${sizes} for the source snapshot ${metadata.name}`);
}

/** A block volume's content as a filesystem, or the other way round, is what only an administrator may allow (KEP-3141). */
function refuseOtherMode({ metadata, spec }: PersistentVolumeClaim, content: VolumeSnapshotContent): void {
  const { sourceVolumeMode } = content.spec;
  if (sourceVolumeMode === undefined || spec?.volumeMode === undefined || sourceVolumeMode === spec.volumeMode) return;
  const allowed = content.metadata.annotations?.[allowModeChange];
  if (allowed === 'true') return;
  const volume = `requested volume ${metadata.namespace}/${metadata.name}`;
  const why =
    allowed === undefined
      ? `${allowModeChange} annotation is not present on snapshotcontent ${content.metadata.name}`
      : `${allowModeChange} is set to ${allowed} on snapshotcontent ${content.metadata.name}`;
  throw new Error(`${volume} modifies the mode of the source volume but does not have permission to do so. ${why}`);
}

/** Keeps the snapshot from going before the volume is made (setSnapshotFinalizer); without the right to, it goes on unprotected. */
export async function protectSnapshot(
  client: KubeClient,
  snapshot: VolumeSnapshot,
  signal: AbortSignal,
): Promise<void> {
  const { finalizers = [] } = snapshot.metadata;
  if (finalizers.includes(snapshotProtection)) return;
  const next = copyJson(snapshot);
  next.metadata.finalizers = [...finalizers, snapshotProtection];
  await client.update(volumeSnapshots, next, {}, signal).catch((error: unknown) => {
    if (!isReason(error, 'Forbidden')) throw error;
  });
}

/** Lets it go when nobody waits for a volume made of it (removeSnapshotFinalizer). */
export async function releaseSnapshot(
  client: KubeClient,
  ref: { readonly namespace: string; readonly name: string },
  signal: AbortSignal,
): Promise<void> {
  try {
    const snapshot = await client.get(volumeSnapshots, ref, signal);
    const { finalizers = [] } = snapshot.metadata;
    if (!finalizers.includes(snapshotProtection)) return;
    const next = copyJson(snapshot);
    next.metadata.finalizers = finalizers.filter((finalizer) => finalizer !== snapshotProtection);
    await client.update(volumeSnapshots, next, {}, signal);
  } catch (error) {
    if (!isNotFound(error) && !isReason(error, 'Forbidden')) throw error;
  }
}
