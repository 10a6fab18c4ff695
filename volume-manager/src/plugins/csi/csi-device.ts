import { existsSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { isErrno } from '@berth/linux';
import type { ActualDevice } from '../../actual-world/actual-volume.ts';
import { VolumeError } from '../../executor/volume-error.ts';
import { removeVolData, writeVolData } from '../../kubelet-dir/vol-data.ts';
import { isMountPoint } from '../../mount-table.ts';
import type { VolumeSpec } from '../../volume-spec.ts';
import { type CsiContext, callDriver, findDriver, hasCapability } from './csi-context.ts';
import { capabilityFor, removeDirectory, removeUnmounted } from './csi-filesystem.ts';
import { publishContext, readSecret } from './publish-facts.ts';

const findingDriver = 'attacher.MountDevice failed to create newCsiDriverClient';

/** Stages a volume once for the node (upstream csi_attacher.go MountDevice). */
export async function stageFilesystem(context: CsiContext, spec: VolumeSpec, signal: AbortSignal): Promise<void> {
  const source = spec.pv?.spec?.csi;
  if (!source) throw new VolumeError('Final', `volume ${spec.specName} has no CSI source`);
  const driver = await findDriver(context, { name: source.driver, doing: findingDriver }, signal);
  const stages = await hasCapability(driver, 'STAGE_UNSTAGE_VOLUME', signal);
  const { layout } = context;
  const directory = layout.csiDevice(source.driver, source.volumeHandle);
  const staging = layout.csiStaging(source.driver, source.volumeHandle);
  const request = {
    volumeId: source.volumeHandle,
    publishContext: publishContext(context, spec),
    stagingTargetPath: staging,
    volumeCapability: await capabilityFor(spec, driver, signal),
    secrets: await readSecret(context, { ref: source.nodeStageSecretRef, use: 'NodeStageSecretRef' }, signal),
    volumeContext: { ...source.volumeAttributes },
  };
  // Kept also where the driver does not stage: it is how the volume is found again after a crash.
  await writeVolData(directory, { driverName: source.driver, volumeHandle: source.volumeHandle });
  await ensureStagingDirectory(staging);
  if (!stages) return;
  try {
    await callDriver(driver, 'NodeStageVolume', request, signal);
  } catch (error) {
    if (error instanceof VolumeError && error.code === 'Final') await forgetDevice(context, directory, staging);
    throw error;
  }
}

/**
 * The directory where a driver stages, below one that is there. What is staged is not looked at, as a recursive mkdir would:
 * where its server is gone, whoever looks waits for it.
 */
export async function ensureStagingDirectory(path: string): Promise<void> {
  try {
    await mkdir(path, { mode: 0o750 });
  } catch (error) {
    if (!isErrno(error, 'EEXIST')) throw error;
  }
}

/** Unstages what `vol_data.json` names, and forgets it once the driver has confirmed. */
export async function unstageFilesystem(context: CsiContext, actual: ActualDevice, signal: AbortSignal): Promise<void> {
  const { layout } = context;
  const directory = layout.csiDevice(actual.driver, actual.handle);
  const staging = layout.csiStaging(actual.driver, actual.handle);
  // A directory without its record may have lost it: unstaging what is not staged is fine.
  if (existsSync(directory)) {
    const driver = await findDriver(
      context,
      { name: actual.driver, doing: 'attacher.UnmountDevice failed to create newCsiDriverClient' },
      signal,
    );
    if (await hasCapability(driver, 'STAGE_UNSTAGE_VOLUME', signal)) {
      const request = { volumeId: actual.handle, stagingTargetPath: staging };
      await callDriver(driver, 'NodeUnstageVolume', request, signal);
    }
  }
  await removeUnmounted(staging);
  await removeVolData(directory);
  await removeDirectory(directory);
}

/** The record goes last: a crash before it means unstaging once more. */
async function forgetDevice(context: CsiContext, directory: string, staging: string): Promise<void> {
  if (isMountPoint(context.mounter, staging)) return;
  await removeDirectory(staging);
  await removeVolData(directory);
  await removeDirectory(directory);
}
