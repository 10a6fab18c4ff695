import type { DownwardAPIVolumeFile, Volume } from '@berth/kube';
import { defaultClaimSpec } from '../claim-defaults.ts';
import { isLatest } from './defaults.ts';

/** rw-r--r--: files of configMap, secret, downwardAPI and projected volumes. */
const defaultMode = 0o644;

/** A volume without source is an emptyDir; sources get what their SetDefaults functions fill. */
export function defaultVolume(volume: Volume): void {
  if (Object.keys(volume).every((key) => key === 'name')) volume.emptyDir = {};
  if (volume.hostPath) volume.hostPath.type ??= '';
  if (volume.secret) volume.secret.defaultMode ??= defaultMode;
  if (volume.configMap) volume.configMap.defaultMode ??= defaultMode;
  if (volume.image && !volume.image.pullPolicy)
    volume.image.pullPolicy = isLatest(volume.image.reference ?? '') ? 'Always' : 'IfNotPresent';
  if (volume.iscsi) volume.iscsi.iscsiInterface ||= 'default';
  if (volume.rbd) defaultRbd(volume.rbd);
  if (volume.scaleIO) volume.scaleIO.fsType ||= 'xfs';
  if (volume.scaleIO) volume.scaleIO.storageMode ||= 'ThinProvisioned';
  if (volume.azureDisk) defaultAzureDisk(volume.azureDisk);
  defaultFiles(volume);
  if (volume.ephemeral?.volumeClaimTemplate) defaultClaimSpec(volume.ephemeral.volumeClaimTemplate.spec);
}

function defaultFiles({ downwardAPI, projected }: Volume): void {
  if (downwardAPI) {
    downwardAPI.defaultMode ??= defaultMode;
    defaultItems(downwardAPI.items);
  }
  if (!projected) return;
  projected.defaultMode ??= defaultMode;
  for (const source of projected.sources ?? []) {
    if (source.serviceAccountToken) source.serviceAccountToken.expirationSeconds ??= 3600;
    defaultItems(source.downwardAPI?.items);
  }
}

function defaultItems(items: readonly DownwardAPIVolumeFile[] | undefined): void {
  for (const item of items ?? []) if (item.fieldRef) item.fieldRef.apiVersion ??= 'v1';
}

export function defaultRbd(rbd: { pool?: string; user?: string; keyring?: string }): void {
  rbd.pool ||= 'rbd';
  rbd.user ||= 'admin';
  rbd.keyring ||= '/etc/ceph/keyring';
}

export function defaultAzureDisk(disk: {
  cachingMode?: string;
  fsType?: string;
  readOnly?: boolean;
  kind?: string;
}): void {
  disk.cachingMode ??= 'ReadWrite';
  disk.fsType ??= 'ext4';
  disk.readOnly ??= false;
  disk.kind ??= 'Shared';
}
