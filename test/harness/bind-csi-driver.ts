import { mkdir, rm, rmdir } from 'node:fs/promises';
import { join } from 'node:path';
import { linuxMounter } from '@berth/linux';
import {
  type csi,
  csiController,
  csiIdentity,
  csiNode,
  GrpcServer,
  grpcError,
  type Init,
  pluginRegistration,
  type ServiceHandlers,
} from '@berth/protos';

export interface BindDriverOptions {
  readonly name: string;
  readonly nodeId: string;
  /** For its socket and its volumes. */
  readonly folder: string;
  /** Where kubelet looks for drivers. */
  readonly pluginsRegistry: string;
  readonly attaches?: boolean;
}

/**
 * A whole CSI driver on real sockets, as csi-driver-host-path behaves: directories, bound where they are published.
 * It attaches where asked to, and its expansions have a part for the node.
 */
export class BindCsiDriver implements AsyncDisposable {
  readonly socket: string;
  readonly attached = new Set<string>();
  readonly #volumes = new Map<string, string>();
  readonly #options: BindDriverOptions;
  readonly #servers: readonly GrpcServer[];

  private constructor(options: BindDriverOptions) {
    this.#options = options;
    this.socket = join(options.folder, 'csi.sock');
    const { name, attaches = false } = options;
    this.#servers = [
      new GrpcServer()
        .add(csiIdentity, this.#identity())
        .add(csiController, this.#controller(attaches))
        .add(csiNode, this.#node()),
      new GrpcServer().add(pluginRegistration, {
        GetInfo: async () => ({ type: 'CSIPlugin', name, endpoint: this.socket, supportedVersions: ['1.0.0'] }),
        NotifyRegistrationStatus: async ({ pluginRegistered, error }) => {
          if (!pluginRegistered) throw new Error(`${name} was not registered: ${error}`);
          return {};
        },
      }),
    ];
  }

  static async start(options: BindDriverOptions): Promise<BindCsiDriver> {
    const driver = new BindCsiDriver(options);
    await mkdir(join(options.folder, 'volumes'), { recursive: true });
    const [csi, registration] = driver.#servers;
    await csi?.listen(`unix://${driver.socket}`);
    await registration?.listen(`unix://${join(options.pluginsRegistry, `${options.name}-reg.sock`)}`);
    return driver;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#servers.map((server) => server.stop(10)));
  }

  #identity(): ServiceHandlers<csi.IdentityService> {
    return {
      GetPluginInfo: async () => ({ name: this.#options.name, vendorVersion: '1' }),
      GetPluginCapabilities: async () => ({
        capabilities: (['CONTROLLER_SERVICE', 'VOLUME_ACCESSIBILITY_CONSTRAINTS'] as const).map((type) => ({
          service: { type },
        })),
      }),
      Probe: async () => ({}),
    };
  }

  #controller(attaches: boolean): Partial<ServiceHandlers<csi.ControllerService>> {
    const types = ['CREATE_DELETE_VOLUME', 'EXPAND_VOLUME', ...(attaches ? ['PUBLISH_UNPUBLISH_VOLUME'] : [])];
    return {
      ControllerGetCapabilities: async () => ({
        capabilities: types.map((type) => ({ rpc: { type: type as csi.ControllerServiceCapabilityRPCType } })),
      }),
      CreateVolume: async ({ name, capacityRange }) => {
        const volumeId = this.#volumes.get(name) ?? crypto.randomUUID();
        this.#volumes.set(name, volumeId);
        await mkdir(this.#path(volumeId), { recursive: true });
        const accessibleTopology = [{ segments: this.#segments() }];
        return { volume: { volumeId, capacityBytes: capacityRange?.requiredBytes ?? '0', accessibleTopology } };
      },
      DeleteVolume: async ({ volumeId }) => {
        const name = [...this.#volumes].find(([, id]) => id === volumeId)?.[0];
        if (name === undefined) return {};
        this.#volumes.delete(name);
        await rm(this.#path(volumeId), { recursive: true, force: true });
        return {};
      },
      ControllerPublishVolume: async ({ volumeId, nodeId }) => {
        this.attached.add(`${volumeId} on ${nodeId}`);
        return {};
      },
      ControllerUnpublishVolume: async ({ volumeId, nodeId }) => {
        this.attached.delete(`${volumeId} on ${nodeId}`);
        return {};
      },
      ControllerExpandVolume: async ({ capacityRange }) => ({
        capacityBytes: capacityRange?.requiredBytes ?? '0',
        nodeExpansionRequired: true,
      }),
    };
  }

  #node(): Partial<ServiceHandlers<csi.NodeService>> {
    return {
      NodeGetInfo: async () => ({
        nodeId: this.#options.nodeId,
        accessibleTopology: { segments: this.#segments() },
      }),
      NodeGetCapabilities: async () => ({
        capabilities: (['STAGE_UNSTAGE_VOLUME', 'EXPAND_VOLUME'] as const).map((type) => ({ rpc: { type } })),
      }),
      NodeStageVolume: async () => ({}),
      NodeUnstageVolume: async () => ({}),
      NodeExpandVolume: async () => ({}),
      NodePublishVolume: async ({ volumeId, targetPath, readonly }) => {
        if (![...this.#volumes.values()].includes(volumeId)) throw grpcError('NOT_FOUND', `no volume ${volumeId}`);
        await mkdir(targetPath, { recursive: true });
        if (!isMounted(targetPath)) linuxMounter.bind(this.#path(volumeId), targetPath, { readOnly: readonly });
        return {};
      },
      // Removes an empty directory, never what a mount still shows.
      NodeUnpublishVolume: async ({ targetPath }) => {
        if (isMounted(targetPath)) linuxMounter.unmount(targetPath);
        await rmdir(targetPath).catch(() => undefined);
        return {};
      },
    };
  }

  #segments(): NonNullable<Init<csi.Topology>['segments']> {
    return { [`topology.${this.#options.name}/node`]: this.#options.nodeId };
  }

  #path(volumeId: string): string {
    return join(this.#options.folder, 'volumes', volumeId);
  }
}

function isMounted(path: string): boolean {
  return linuxMounter.mounts().some(({ mountPoint }) => mountPoint === path);
}
