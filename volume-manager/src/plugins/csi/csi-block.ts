import { mkdir, readlink, rename, rm, symlink, unlink } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { isErrno } from '@berth/linux';
import type { ActualDevice } from '../../actual-world/actual-volume.ts';
import { VolumeError } from '../../executor/volume-error.ts';
import { attachmentName } from '../../kubelet-dir/attachment-name.ts';
import { readVolData, removeVolData, writeVolData } from '../../kubelet-dir/vol-data.ts';
import type { VolumeSpec } from '../../volume-spec.ts';
import { type CsiContext, callDriver, findDriver, hasCapability } from './csi-context.ts';
import { csiPluginName, removeDirectory } from './csi-filesystem.ts';
import { podInfo, publishContext, readSecret, serviceAccountTokens } from './publish-facts.ts';
import { blockCapability } from './volume-capability.ts';

/** Stages a raw device once for the node (upstream csi_block.go SetUpDevice). */
export async function stageBlock(context: CsiContext, spec: VolumeSpec, signal: AbortSignal): Promise<void> {
  const source = csiOf(spec);
  const driver = await findDriver(
    context,
    { name: source.driver, doing: 'blockMapper.SetUpDevice failed to get CSI client' },
    signal,
  );
  const staging = context.layout.csiBlockStaging(spec.specName);
  const request = {
    volumeId: source.volumeHandle,
    publishContext: publishContext(context, spec),
    stagingTargetPath: staging,
    volumeCapability: blockCapability(await capabilityFacts(spec, driver, signal)),
    secrets: await readSecret(context, { ref: source.nodeStageSecretRef, use: 'NodeStageSecretRef' }, signal),
    volumeContext: { ...source.volumeAttributes },
  };
  const stages = await hasCapability(driver, 'STAGE_UNSTAGE_VOLUME', signal);
  await writeVolData(context.layout.csiBlockData(spec.specName), {
    specVolID: spec.specName,
    volumeHandle: source.volumeHandle,
    driverName: source.driver,
    nodeName: context.nodeName,
    attachmentID: attachmentName(source.volumeHandle, source.driver, context.nodeName),
    volumeLifecycleMode: 'Persistent',
  });
  await mkdir(staging, { recursive: true, mode: 0o750 });
  if (stages) await callDriver(driver, 'NodeStageVolume', request, signal);
}

export async function unstageBlock(context: CsiContext, actual: ActualDevice, signal: AbortSignal): Promise<void> {
  const staging = context.layout.csiBlockStaging(actual.specName);
  const data = context.layout.csiBlockData(actual.specName);
  if ((await readVolData(data)) !== undefined) {
    const driver = await findDriver(
      context,
      { name: actual.driver, doing: 'blockMapper.TearDownDevice failed to get CSI client' },
      signal,
    );
    if (await hasCapability(driver, 'STAGE_UNSTAGE_VOLUME', signal)) {
      const request = { volumeId: actual.handle, stagingTargetPath: staging };
      await callDriver(driver, 'NodeUnstageVolume', request, signal);
    }
  }
  await removeDirectory(staging);
  await removeDirectory(dirname(context.layout.csiBlockPublish(actual.specName, 'pod')));
  await removeVolData(data);
  await removeDirectory(data);
  await removeDirectory(dirname(data));
}

/** Publishes the device for one pod and links it where kubelet keeps a pod's devices. */
export async function publishBlock(context: CsiContext, spec: VolumeSpec, signal: AbortSignal): Promise<void> {
  const source = csiOf(spec);
  const driver = await findDriver(
    context,
    { name: source.driver, doing: 'blockMapper.MapPodDevice failed to get CSI client' },
    signal,
  );
  const object = context.driverObject(source.driver);
  const target = context.layout.csiBlockPublish(spec.specName, spec.podUid);
  const secrets = await readSecret(context, { ref: source.nodePublishSecretRef, use: 'NodePublishSecretRef' }, signal);
  const tokens = await serviceAccountTokens(context, { driver: object, spec }, signal);
  const stages = await hasCapability(driver, 'STAGE_UNSTAGE_VOLUME', signal);
  const request = {
    volumeId: source.volumeHandle,
    publishContext: publishContext(context, spec),
    stagingTargetPath: stages ? context.layout.csiBlockStaging(spec.specName) : '',
    targetPath: target,
    volumeCapability: blockCapability(await capabilityFacts(spec, driver, signal)),
    readonly: spec.readOnly,
    secrets: { ...secrets, ...tokens.secrets },
    volumeContext: { ...source.volumeAttributes, ...podInfo(object, spec), ...tokens.attributes },
  };
  await mkdir(dirname(target), { recursive: true, mode: 0o750 });
  // The link comes first: it is what says after a crash that this pod may have the device.
  const link = context.layout.podDevice(spec.podUid, csiPluginName, spec.specName);
  await linkDevice(link, target);
  try {
    await callDriver(driver, 'NodePublishVolume', request, signal);
  } catch (error) {
    if (error instanceof VolumeError && error.code === 'Final') await unlinkDevice(link);
    throw error;
  }
}

export async function unpublishBlock(
  context: CsiContext,
  { podUid, specName }: { readonly podUid: string; readonly specName: string },
  signal: AbortSignal,
): Promise<void> {
  const target = context.layout.csiBlockPublish(specName, podUid);
  const data = await readVolData(context.layout.csiBlockData(specName));
  if (data?.driverName !== undefined && data.volumeHandle !== undefined) {
    const driver = await findDriver(
      context,
      { name: data.driverName, doing: 'blockMapper.UnmapPodDevice failed to get CSI client' },
      signal,
    );
    await callDriver(driver, 'NodeUnpublishVolume', { volumeId: data.volumeHandle, targetPath: target }, signal);
  }
  await rm(target, { force: true }).catch((error: unknown) => {
    if (!isErrno(error, 'EBUSY')) throw error;
    throw new VolumeError('Uncertain', `${target} is still mounted, and the driver says that it is not`);
  });
  await unlinkDevice(context.layout.podDevice(podUid, csiPluginName, specName));
}

function csiOf(spec: VolumeSpec) {
  const source = spec.pv?.spec?.csi;
  if (!source) throw new VolumeError('Final', `volume ${spec.specName} has no CSI source`);
  return source;
}

async function capabilityFacts(spec: VolumeSpec, driver: Parameters<typeof hasCapability>[0], signal: AbortSignal) {
  return {
    accessModes: spec.pv?.spec?.accessModes,
    fsType: undefined,
    mountOptions: undefined,
    singleNodeMultiWriter: await hasCapability(driver, 'SINGLE_NODE_MULTI_WRITER', signal),
  };
}

async function linkDevice(link: string, target: string): Promise<void> {
  await mkdir(dirname(link), { recursive: true, mode: 0o750 });
  if ((await readlink(link).catch(() => undefined)) === target) return;
  // No PV's name begins so: what a crash leaves of it is told from a device.
  const temporary = join(dirname(link), `.${basename(link)}`);
  await rm(temporary, { force: true });
  await symlink(target, temporary);
  await rename(temporary, link);
}

async function unlinkDevice(link: string): Promise<void> {
  await unlink(link).catch((error: unknown) => {
    if (!isErrno(error, 'ENOENT')) throw error;
  });
}
