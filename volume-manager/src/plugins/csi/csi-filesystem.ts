import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, rmdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { messageOf } from '@berth/kit';
import type { CSIDriver } from '@berth/kube';
import { isErrno } from '@berth/linux';
import type { CsiNodeDriver } from '../../csi/csi-plugins.ts';
import { VolumeError } from '../../executor/volume-error.ts';
import { attachmentName } from '../../kubelet-dir/attachment-name.ts';
import { readVolData, removeVolData, writeVolData } from '../../kubelet-dir/vol-data.ts';
import { isMountPoint, isOnNetwork } from '../../mount-table.ts';
import { probeFilesystem } from '../../probe-filesystem.ts';
import { setVolumeOwnership } from '../../volume-files/set-volume-ownership.ts';
import type { VolumeSpec } from '../../volume-spec.ts';
import type { SetUpResult } from '../volume-plugin.ts';
import { type CsiContext, callDriver, findDriver, hasCapability } from './csi-context.ts';
import { appliesFsGroup } from './fs-group-policy.ts';
import { podInfo, publishContext, readSecret, type SecretRef, serviceAccountTokens } from './publish-facts.ts';
import { mountCapability } from './volume-capability.ts';

export const csiPluginName = 'kubernetes.io/csi';

/** How often a driver with `requiresRepublish` is called again: kubelet does at each sync of the pod. */
const republishMs = 60_000;

/** The driver's and the volume's own facts, from a PV or from an inline volume. */
interface Source {
  readonly driver: string;
  readonly handle: string;
  readonly attributes: Record<string, string>;
  readonly fsType: string | undefined;
  readonly secret: SecretRef | undefined;
  readonly ephemeral: boolean;
}

/** `pods/<uid>/volumes/kubernetes.io~csi/<pv>/mount`. */
export function csiTarget(context: CsiContext, podUid: string, specName: string): string {
  return join(context.layout.podVolume(podUid, csiPluginName, specName), 'mount');
}

/** Publishes a mounted volume for one pod (upstream csi_mounter.go SetUpAt). */
export async function publishFilesystem(
  context: CsiContext,
  { spec, renew }: { spec: VolumeSpec; renew: boolean },
  signal: AbortSignal,
): Promise<SetUpResult> {
  const source = sourceOf(spec);
  const driver = await findDriver(
    context,
    { name: source.driver, doing: 'mounter.SetUpAt failed to get CSI client' },
    signal,
  );
  const object = context.driverObject(source.driver);
  refuseLifecycle(object, source);
  const target = csiTarget(context, spec.podUid, spec.specName);
  const request = await publishRequest(context, { spec, source, driver, object, target }, signal);
  await writeVolData(dirname(target), {
    specVolID: spec.specName,
    volumeHandle: source.handle,
    driverName: source.driver,
    nodeName: context.nodeName,
    attachmentID: attachmentName(source.handle, source.driver, context.nodeName),
    volumeLifecycleMode: source.ephemeral ? 'Ephemeral' : 'Persistent',
  });
  try {
    await callDriver(driver, 'NodePublishVolume', request, signal);
  } catch (error) {
    if (!renew && error instanceof VolumeError && error.code === 'Final') await forgetTarget(context, target);
    throw error;
  }
  const mountGroup = request.volumeCapability?.mount?.volumeMountGroup;
  if (!renew && !mountGroup) await applyFsGroup(context, { spec, source, object, target }, signal);
  return object?.spec?.requiresRepublish === true ? { refreshAfterMs: republishMs } : {};
}

/**
 * Unpublishes with what `vol_data.json` says. Where neither that nor a PV tells the driver, the mount itself is taken away:
 * nobody wants it, and what is on the volume is not touched.
 */
export async function unpublishFilesystem(
  context: CsiContext,
  { podUid, specName }: { readonly podUid: string; readonly specName: string },
  signal: AbortSignal,
): Promise<void> {
  const target = csiTarget(context, podUid, specName);
  const published = await publishedAt(context, dirname(target), specName);
  if (published) {
    const driver = await findDriver(
      context,
      { name: published.driver, doing: 'Unmounter.TearDownAt failed to get CSI client' },
      signal,
    );
    await callDriver(driver, 'NodeUnpublishVolume', { volumeId: published.handle, targetPath: target }, signal);
  } else {
    while (isMountPoint(context.mounter, target)) {
      context.log.warn('unmounting a volume whose record is lost', { target });
      context.mounter.unmount(target, { lazy: await isOnNetwork(context.mounter, target) });
    }
  }
  await removeUnmounted(target);
  await removeVolData(dirname(target));
  await removeDirectory(dirname(target));
}

/** Driver and handle from `vol_data.json`, or from the PV where the record is damaged; undefined where nothing was published. */
async function publishedAt(context: CsiContext, directory: string, pvName: string) {
  const data = await readVolData(directory);
  const driver = data?.driverName;
  const handle = data?.volumeHandle;
  if (driver !== undefined && handle !== undefined) return { driver, handle };
  const csi = existsSync(directory) ? context.volume(pvName)?.spec?.csi : undefined;
  return csi && { driver: csi.driver, handle: csi.volumeHandle };
}

type PublishRequest = Parameters<CsiNodeDriver['node']['NodePublishVolume']>[0];

async function publishRequest(
  context: CsiContext,
  facts: {
    spec: VolumeSpec;
    source: Source;
    driver: CsiNodeDriver;
    object: CSIDriver | undefined;
    target: string;
  },
  signal: AbortSignal,
): Promise<PublishRequest> {
  const { spec, source, driver, object, target } = facts;
  const capability = await capabilityFor(spec, driver, signal);
  const staged = spec.deviceMountable && (await hasCapability(driver, 'STAGE_UNSTAGE_VOLUME', signal));
  const secrets = await readSecret(context, { ref: source.secret, use: 'NodePublishSecretRef' }, signal);
  const tokens = await serviceAccountTokens(context, { driver: object, spec }, signal);
  await mkdir(dirname(target), { recursive: true, mode: 0o750 });
  return {
    volumeId: source.handle,
    publishContext: publishContext(context, spec),
    stagingTargetPath: staged ? context.layout.csiStaging(source.driver, source.handle) : '',
    targetPath: target,
    volumeCapability: capability,
    readonly: spec.readOnly,
    secrets: { ...secrets, ...tokens.secrets },
    volumeContext: { ...source.attributes, ...podInfo(object, spec), ...tokens.attributes },
  };
}

/** The capability of a spec at a driver: the same for stage and publish. */
export async function capabilityFor(spec: VolumeSpec, driver: CsiNodeDriver, signal: AbortSignal) {
  const fsGroup = spec.pod.spec?.securityContext?.fsGroup;
  const groupByDriver = fsGroup !== undefined && (await hasCapability(driver, 'VOLUME_MOUNT_GROUP', signal));
  return mountCapability({
    accessModes: spec.pv?.spec?.accessModes,
    fsType: spec.pv ? spec.pv.spec?.csi?.fsType : spec.volume.csi?.fsType,
    mountOptions: spec.pv?.spec?.mountOptions,
    mountGroup: groupByDriver ? fsGroup : undefined,
    singleNodeMultiWriter: await hasCapability(driver, 'SINGLE_NODE_MULTI_WRITER', signal),
  });
}

/** An inline volume's handle is made up of pod and volume (upstream makeVolumeHandle). */
function sourceOf(spec: VolumeSpec): Source {
  const pv = spec.pv?.spec?.csi;
  if (pv) {
    return {
      driver: pv.driver,
      handle: pv.volumeHandle,
      attributes: pv.volumeAttributes ?? {},
      fsType: pv.fsType,
      secret: pv.nodePublishSecretRef,
      ephemeral: false,
    };
  }
  const inline = spec.volume.csi;
  if (!inline) throw new VolumeError('Final', `volume ${spec.specName} has no CSI source`);
  const name = inline.nodePublishSecretRef?.name;
  return {
    driver: inline.driver,
    handle: inlineHandle(spec),
    attributes: inline.volumeAttributes ?? {},
    fsType: inline.fsType,
    secret: name ? { namespace: spec.pod.metadata.namespace ?? '', name } : undefined,
    ephemeral: true,
  };
}

function inlineHandle(spec: VolumeSpec): string {
  return `csi-${createHash('sha256').update(`${spec.podUid}${spec.specName}`).digest('hex')}`;
}

function refuseLifecycle(object: CSIDriver | undefined, { driver, ephemeral }: Source): void {
  const mode = ephemeral ? 'Ephemeral' : 'Persistent';
  const modes = object?.spec?.volumeLifecycleModes ?? ['Persistent'];
  if (object && modes.includes(mode)) return;
  if (!object && !ephemeral) return;
  const why = object ? `(only supports ${modes.map((name) => `"${name}"`).join(' ')})` : '(no CSIDriver object)';
  throw new VolumeError(
    'Final',
    `kubernetes.io/csi: mounter.SetUpAt failed to check volume lifecycle mode: volume mode "${mode}" not supported by driver ${driver} ${why}`,
  );
}

async function applyFsGroup(
  context: CsiContext,
  facts: { spec: VolumeSpec; source: Source; object: CSIDriver | undefined; target: string },
  signal: AbortSignal,
): Promise<void> {
  const { spec, source, object, target } = facts;
  const { fsGroup, fsGroupChangePolicy } = spec.pod.spec?.securityContext ?? {};
  const policy = object?.spec?.fsGroupPolicy ?? 'ReadWriteOnceWithFSType';
  if (fsGroup === undefined || !appliesFsGroup(spec, policy, source.fsType)) return;
  try {
    await probeFilesystem(context.mounter, context.clock, target);
    const onRootMismatch = fsGroupChangePolicy === 'OnRootMismatch';
    await setVolumeOwnership({ path: target, fsGroup, onRootMismatch, readOnly: false }, signal);
  } catch (error) {
    throw new VolumeError('Uncertain', `applyFSGroup failed for vol ${source.handle}: ${messageOf(error)}`);
  }
}

async function forgetTarget(context: CsiContext, target: string): Promise<void> {
  if (isMountPoint(context.mounter, target)) return;
  await removeDirectory(target);
  await removeVolData(dirname(target));
  await removeDirectory(dirname(target));
}

/**
 * Removes what a driver should have unmounted. rmdir(2) itself tells, and asks no server: a mount point is EBUSY.
 * @throws VolumeError Uncertain – it is still mounted.
 */
export async function removeUnmounted(path: string): Promise<void> {
  try {
    await removeDirectory(path);
  } catch (error) {
    if (!isErrno(error, 'EBUSY')) throw error;
    throw new VolumeError('Uncertain', `${path} is still mounted, and the driver says that it is not`);
  }
}

/** Removes an empty directory (or an absent one). Never anything in it: that would be data. */
export async function removeDirectory(path: string): Promise<void> {
  try {
    await rmdir(path);
  } catch (error) {
    if (!isErrno(error, 'ENOENT')) throw error;
  }
}
