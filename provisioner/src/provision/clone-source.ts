import type { KubeClient } from '@berth/kube';
import {
  copyJson,
  type PersistentVolume,
  type PersistentVolumeClaim,
  Quantity,
  resources,
  type TypedObjectReference,
} from '@berth/kube';
import type { csi, Init } from '@berth/protos';
import type { ConnectedDriver } from '../driver/connect-driver.ts';
import { cloningProtection } from '../object-names.ts';
import type { ClaimView } from './claim-view.ts';

const claimKind = 'PersistentVolumeClaim';

/** What a claim is to be filled from; undefined for an empty volume. One with a namespace is not this claim's to have. */
export function dataSourceOf({ spec }: PersistentVolumeClaim): TypedObjectReference | undefined {
  return spec?.dataSourceRef ?? spec?.dataSource;
}

/** The name of the claim a claim is to be a clone of. */
export function clonedClaimOf(claim: PersistentVolumeClaim): string | undefined {
  const source = dataSourceOf(claim);
  return source?.kind === claimKind && !source.namespace ? source.name : undefined;
}

/** The volume a clone is made of, as far as it can be found. */
export function clonedVolume(claim: PersistentVolumeClaim, view: ClaimView): PersistentVolume | undefined {
  const name = clonedClaimOf(claim);
  const source = name === undefined ? undefined : view.claims.get(`${claim.metadata.namespace}/${name}`);
  return source?.spec?.volumeName ? view.volumes.get(source.spec.volumeName) : undefined;
}

/**
 * The content of a claim's new volume, in external-provisioner's rules and words (getPVCSource).
 * @throws Error – what the claim names cannot be cloned.
 */
export function cloneSource(
  claim: PersistentVolumeClaim,
  { view, driver }: { readonly view: ClaimView; readonly driver: ConnectedDriver },
): Init<csi.VolumeContentSource> | undefined {
  const name = clonedClaimOf(claim);
  if (name === undefined) return undefined;
  if (!driver.can('CLONE_VOLUME')) {
    const missing = 'controller CLONE_VOLUME capability is not reported';
    throw new Error(`CSI driver does not support clone operations: ${missing}`);
  }
  const { namespace = '' } = claim.metadata;
  const source = view.claims.get(`${namespace}/${name}`);
  if (!source) {
    const missing = `persistentvolumeclaim "${name}" not found`;
    throw new Error(`error getting PVC ${name} (namespace "${namespace}") from api server: ${missing}`);
  }
  refuseUnready(claim, source);
  const volume = source.spec?.volumeName ? view.volumes.get(source.spec.volumeName) : undefined;
  if (!volume || !isOwn(volume, source, driver.name)) throw new Error('claim in dataSource not bound or invalid');
  refuseOtherMode(claim, volume);
  return { volume: { volumeId: volume.spec?.csi?.volumeHandle ?? '' } };
}

function refuseUnready(claim: PersistentVolumeClaim, source: PersistentVolumeClaim): void {
  const { name } = source.metadata;
  const phase = source.status?.phase;
  if (phase !== 'Bound') throw new Error(`the PVC DataSource ${name} must have a status of Bound.  Got ${phase}`);
  if (source.metadata.deletionTimestamp) throw new Error(`the PVC DataSource ${name} is currently being deleted`);
  if (source.spec?.storageClassName === undefined)
    throw new Error(`the source PVC (${name}) storageclass cannot be empty`);
  const [asked, has] = [claim, source].map(({ spec }) =>
    Quantity.parse(spec?.resources?.requests?.['storage'] ?? '0').value(),
  ) as [bigint, bigint];
  if (asked < has) {
    throw new Error(
      `error, new PVC request must be greater than or equal in size to the specified PVC data source, requested ${asked} but source is ${has}`,
    );
  }
}

function isOwn({ spec, status }: PersistentVolume, source: PersistentVolumeClaim, driverName: string): boolean {
  return (
    spec?.csi?.driver === driverName && spec.claimRef?.uid === source.metadata.uid && (status?.phase ?? '') === 'Bound'
  );
}

function refuseOtherMode(claim: PersistentVolumeClaim, volume: PersistentVolume): void {
  const [wanted, has] = [claim.spec?.volumeMode ?? 'Filesystem', volume.spec?.volumeMode ?? 'Filesystem'];
  if (wanted === has) return;
  throw new Error(
    `the source PVC and destination PVCs must have the same volume mode for cloning.  Source is ${has}, but new PVC requested ${wanted}`,
  );
}

/** Keeps the source from going before the clone is made (setCloneFinalizer). */
export async function protectSource(
  claim: PersistentVolumeClaim,
  { view, client }: { readonly view: ClaimView; readonly client: KubeClient },
  signal: AbortSignal,
): Promise<void> {
  const source = view.claims.get(`${claim.metadata.namespace}/${clonedClaimOf(claim)}`);
  if (!source || source.metadata.finalizers?.includes(cloningProtection)) return;
  const next = copyJson(source);
  next.metadata.finalizers = [...(next.metadata.finalizers ?? []), cloningProtection];
  await client.update(resources.persistentvolumeclaims, next, {}, signal);
}

/** Lets a source that is being deleted go once nobody waits for a clone of it (CloningProtectionController). */
export async function releaseSource(
  source: PersistentVolumeClaim,
  { view, client }: { readonly view: ClaimView; readonly client: KubeClient },
  signal: AbortSignal,
): Promise<boolean> {
  const { finalizers = [], name, namespace = '' } = source.metadata;
  if (!source.metadata.deletionTimestamp || !finalizers.includes(cloningProtection)) return true;
  const waits = view.claims
    .list(namespace)
    .some((claim) => clonedClaimOf(claim) === name && (claim.status?.phase ?? 'Pending') === 'Pending');
  if (waits) return false;
  const next = copyJson(source);
  next.metadata.finalizers = finalizers.filter((finalizer) => finalizer !== cloningProtection);
  await client.update(resources.persistentvolumeclaims, next, {}, signal);
  return true;
}
