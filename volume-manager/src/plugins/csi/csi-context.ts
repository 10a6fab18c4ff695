import type { Clock, Logger } from '@berth/kit';
import type { CSIDriver, EventRecorder, KubeClient, PersistentVolume, VolumeAttachment } from '@berth/kube';
import type { Mounter } from '@berth/linux';
import type { csi } from '@berth/protos';
import type { CsiNodeDriver, CsiPlugins } from '../../csi/csi-plugins.ts';
import { rpcFailure, VolumeError } from '../../executor/volume-error.ts';
import type { Layout } from '../../kubelet-dir/layout.ts';
import type { ServiceAccountTokens } from '../../volume-files/service-account-tokens.ts';

/** What the CSI plugin works with. */
export interface CsiContext {
  readonly layout: Layout;
  readonly nodeName: string;
  readonly drivers: CsiPlugins;
  readonly client: KubeClient;
  readonly mounter: Mounter;
  readonly tokens: ServiceAccountTokens;
  readonly clock: Clock;
  readonly log: Logger;
  readonly events: EventRecorder;
  readonly driverObject: (name: string) => CSIDriver | undefined;
  readonly volume: (name: string) => PersistentVolume | undefined;
  readonly attachment: (name: string) => VolumeAttachment | undefined;
}

/** Kubelet's deadline for every node call (upstream csi_plugin.go csiTimeout). */
const rpcTimeoutMs = 120_000;

type NodeMethod =
  | 'NodeStageVolume'
  | 'NodeUnstageVolume'
  | 'NodePublishVolume'
  | 'NodeUnpublishVolume'
  | 'NodeExpandVolume';

/** Calls a driver. @throws VolumeError Final or Uncertain, by the code. */
export async function callDriver<M extends NodeMethod>(
  driver: CsiNodeDriver,
  method: M,
  request: Parameters<CsiNodeDriver['node'][M]>[0],
  signal: AbortSignal,
): Promise<csi.NodeService[M]['response']> {
  try {
    const call = driver.node[method] as (request: unknown, options: object) => Promise<csi.NodeService[M]['response']>;
    return await call(request, { signal, timeoutMs: rpcTimeoutMs });
  } catch (error) {
    throw rpcFailure(error);
  }
}

/** The driver, awaited where it is starting anew. @throws VolumeError Transient – no driver of that name is registered. */
export async function findDriver(
  context: CsiContext,
  { name, doing }: { readonly name: string; readonly doing: string },
  signal: AbortSignal,
): Promise<CsiNodeDriver> {
  await context.drivers.whenSettled(name, signal);
  const driver = context.drivers.find(name);
  if (driver) return driver;
  const words = `driver name ${name} not found in the list of registered CSI drivers`;
  throw new VolumeError('Transient', `kubernetes.io/csi: ${doing}: ${words}`);
}

/** Whether the driver has a capability. @throws VolumeError Transient – it does not answer, nothing was tried. */
export async function hasCapability(
  driver: CsiNodeDriver,
  capability: csi.NodeServiceCapabilityRPCType,
  signal: AbortSignal,
): Promise<boolean> {
  try {
    return (await driver.capabilities(signal)).has(capability);
  } catch (error) {
    throw new VolumeError('Transient', rpcFailure(error).message, { cause: error });
  }
}
