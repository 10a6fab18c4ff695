import { messageOf, rfc3339 } from '@berth/kit';
import { type KubeObject, type PersistentVolumeClaim, Quantity, resources } from '@berth/kube';
import { type GrpcCode, GrpcError } from '@berth/protos';
import { VolumeError } from '../../executor/volume-error.ts';
import type { VolumeSpec } from '../../volume-spec.ts';
import { type CsiContext, callDriver, findDriver, hasCapability } from './csi-context.ts';
import { capabilityFor, csiTarget } from './csi-filesystem.ts';

const resizeConditions = ['Resizing', 'FileSystemResizePending', 'ControllerResizeError', 'NodeResizeError'];

/**
 * Lets the driver grow what is on the volume to the PV's new size, then says in the claim that it has (upstream node_expander.go).
 * `publishedTo` is a pod that has it; without one the staged volume is grown, which needs a driver that stages.
 * @returns whether there was something to be done now.
 */
export async function expandVolume(
  context: CsiContext,
  { spec, publishedTo }: { spec: VolumeSpec; publishedTo: string | undefined },
  signal: AbortSignal,
): Promise<boolean> {
  const source = spec.pv?.spec?.csi;
  if (!source || !spec.pvc) return false;
  const driver = await findDriver(
    context,
    { name: source.driver, doing: 'Expander.NodeExpand failed to get CSI client' },
    signal,
  );
  const stages = await hasCapability(driver, 'STAGE_UNSTAGE_VOLUME', signal);
  if (!stages && publishedTo === undefined) return false;
  if (!(await hasCapability(driver, 'EXPAND_VOLUME', signal))) {
    await finish(context, spec, signal);
    return true;
  }
  const { layout } = context;
  const block = spec.mode === 'Block';
  const staging = block ? layout.csiBlockStaging(spec.specName) : layout.csiStaging(source.driver, source.volumeHandle);
  const published = (podUid: string) =>
    block ? layout.csiBlockPublish(spec.specName, podUid) : csiTarget(context, podUid, spec.specName);
  const { mount, ...rest } = await capabilityFor(spec, driver, signal);
  await patchStatus(context, spec, { allocatedResourceStatuses: { storage: 'NodeResizeInProgress' } }, signal);
  try {
    const request = {
      volumeId: source.volumeHandle,
      volumePath: publishedTo === undefined ? staging : published(publishedTo),
      stagingTargetPath: stages ? staging : '',
      capacityRange: { requiredBytes: String(capacityBytes(spec)) },
      volumeCapability: { ...rest, ...(block ? { block: {} } : { mount }) },
    };
    await callDriver(driver, 'NodeExpandVolume', request, signal);
  } catch (error) {
    const words = `MountVolume.NodeExpandVolume failed for volume "${spec.specName}" : ${messageOf(error)}`;
    for (const about of [spec.pod, claimOf(spec)])
      context.events.event(about, 'Warning', 'FileSystemResizeFailed', words);
    await noteFailure(context, { spec, error }, signal);
    throw error;
  }
  await finish(context, spec, signal);
  return true;
}

/** Codes by which a driver says that this expansion can never be (upstream csi_client.go isInfeasibleError). */
const infeasible: ReadonlySet<GrpcCode> = new Set<GrpcCode>(['INVALID_ARGUMENT', 'OUT_OF_RANGE', 'NOT_FOUND']);

/** Only a final refusal is told in the claim; where it is for good, its owner may then ask for less (KEP-1790). */
async function noteFailure(
  context: CsiContext,
  { spec, error }: { spec: VolumeSpec; error: unknown },
  signal: AbortSignal,
): Promise<void> {
  if (!(error instanceof VolumeError) || error.code !== 'Final') return;
  const forGood = error.cause instanceof GrpcError && infeasible.has(error.cause.code);
  const condition = {
    type: 'NodeResizeError',
    status: 'True',
    lastTransitionTime: rfc3339(context.clock.now()),
    message: `failed to expand pvc with ${messageOf(error)}`,
  };
  const rest = (spec.pvc?.status?.conditions ?? []).filter(({ type }) => type !== condition.type);
  const status = {
    conditions: [...rest, condition],
    ...(forGood ? { allocatedResourceStatuses: { storage: 'NodeResizeInfeasible' } } : {}),
  };
  await patchStatus(context, spec, status, signal);
}

async function finish(context: CsiContext, spec: VolumeSpec, signal: AbortSignal): Promise<void> {
  const words = `MountVolume.NodeExpandVolume succeeded for volume "${spec.specName}" ${context.nodeName}`;
  const tell = (about: KubeObject) => context.events.event(about, 'Normal', 'FileSystemResizeSuccessful', words);
  tell(spec.pod);
  const conditions = (spec.pvc?.status?.conditions ?? []).filter(({ type }) => !resizeConditions.includes(type));
  const status = {
    capacity: { storage: spec.pv?.spec?.capacity?.['storage'] },
    conditions: conditions.length > 0 ? conditions : null,
    allocatedResourceStatuses: { storage: null },
  };
  await patchStatus(context, spec, status, signal);
  tell(claimOf(spec));
}

async function patchStatus(context: CsiContext, spec: VolumeSpec, status: object, signal: AbortSignal): Promise<void> {
  const { namespace, name = '' } = spec.pvc?.metadata ?? {};
  const patch = { type: 'merge', patch: { status } } as const;
  await context.client.patch(
    resources.persistentvolumeclaims,
    { namespace, name },
    patch,
    { subresource: 'status' },
    signal,
  );
}

function capacityBytes(spec: VolumeSpec): bigint {
  return Quantity.parse(String(spec.pv?.spec?.capacity?.['storage'] ?? '0')).value();
}

function claimOf(spec: VolumeSpec): PersistentVolumeClaim {
  return { apiVersion: 'v1', kind: 'PersistentVolumeClaim', ...(spec.pvc as PersistentVolumeClaim) };
}
