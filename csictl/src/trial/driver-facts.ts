import { asGrpcError, type csi } from '@berth/protos';
import { rpcFailure } from '../csi/call-rpc.ts';
import { findRpc } from '../csi/rpc.ts';
import type { TrackedDriver } from './tracked-driver.ts';
import type { TrialVolumes } from './trial-options.ts';

export interface DriverFacts {
  /** `controller:CLONE_VOLUME`, `node:…`, `plugin:…`, `mounts`, `filesystem`. */
  readonly capabilities: ReadonlySet<string>;
  readonly nodeInfo: csi.NodeGetInfoResponse | undefined;
}

export interface FactsOptions {
  readonly volumes: TrialVolumes;
  /** Node calls are made, and their mounts looked into. */
  readonly onNode: boolean;
}

/** Asks a driver what it offers. @throws GrpcError */
export async function driverFacts(
  { identity, controller, group, node }: TrackedDriver,
  options: FactsOptions,
): Promise<DriverFacts> {
  const plugin = await identity.GetPluginCapabilities({}).catch((error: unknown) => {
    throw rpcFailure(findRpc('GetPluginCapabilities')!, error);
  });
  const capabilities = new Set(
    plugin.capabilities.flatMap(({ service, volumeExpansion }) => [
      ...(service ? [`plugin:${service.type}`] : []),
      ...(volumeExpansion ? [`plugin:VOLUME_EXPANSION_${volumeExpansion.type}`] : []),
    ]),
  );
  const none = { capabilities: [] };
  const orNone = (error: unknown) => {
    if (asGrpcError(error).code === 'UNIMPLEMENTED') return none;
    throw error;
  };
  const ofController = capabilities.has('plugin:CONTROLLER_SERVICE')
    ? await controller.ControllerGetCapabilities({}).catch(orNone)
    : none;
  const ofNode = await node.NodeGetCapabilities({}).catch(orNone);
  const ofGroup = capabilities.has('plugin:GROUP_CONTROLLER_SERVICE')
    ? await group.GroupControllerGetCapabilities({}).catch(orNone)
    : none;
  for (const { rpc } of ofGroup.capabilities) if (rpc) capabilities.add(`group:${rpc.type}`);
  for (const { rpc } of ofController.capabilities) if (rpc) capabilities.add(`controller:${rpc.type}`);
  for (const { rpc } of ofNode.capabilities) if (rpc) capabilities.add(`node:${rpc.type}`);
  const nodeInfo = await node.NodeGetInfo({}).catch(() => undefined);
  if (options.onNode && nodeInfo) capabilities.add('mounts');
  if (!options.volumes.capability.block) capabilities.add('filesystem');
  return { capabilities, nodeInfo };
}
