import type { berth, csi } from '@berth/protos';
import {
  asGrpcError,
  berthTrash,
  csiController,
  csiGroupController,
  csiIdentity,
  csiNode,
  GrpcConnection,
  type GrpcError,
  grpcError,
  type ServiceClient,
} from '@berth/protos';
import { socketEndpoint } from './socket-endpoint.ts';

export interface ConnectOptions {
  /** `unix:///path`, or a path. */
  readonly endpoint: string;
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
  /** Told of every call and how long it took. */
  readonly trace: (line: string) => void;
  readonly now: () => number;
}

type Call<Request, Response> = (
  request: Request,
  options: { signal: AbortSignal; timeoutMs: number },
) => Promise<Response>;

/** One CSI driver at the other end of a socket. Every method throws GrpcError. */
export class Driver implements Disposable {
  readonly endpoint: string;
  readonly #options: ConnectOptions;
  readonly #connection: GrpcConnection;
  readonly #identity: ServiceClient<csi.IdentityService>;
  readonly #controller: ServiceClient<csi.ControllerService>;
  readonly #group: ServiceClient<csi.GroupControllerService>;
  readonly #node: ServiceClient<csi.NodeService>;
  readonly #trash: ServiceClient<berth.TrashService>;

  /** @throws CsictlError USAGE – not a Unix socket; NOT_FOUND – no socket is there. */
  constructor(options: ConnectOptions) {
    this.endpoint = socketEndpoint(options.endpoint);
    this.#options = options;
    this.#connection = new GrpcConnection(this.endpoint);
    this.#identity = this.#connection.service(csiIdentity);
    this.#controller = this.#connection.service(csiController);
    this.#group = this.#connection.service(csiGroupController);
    this.#node = this.#connection.service(csiNode);
    this.#trash = this.#connection.service(berthTrash);
  }

  info(): Promise<csi.GetPluginInfoResponse> {
    return this.#call('GetPluginInfo', this.#identity.GetPluginInfo, {});
  }

  /** What the driver can do, by service; a service it does not have is empty. */
  async capabilities(): Promise<Record<'plugin' | 'controller' | 'group' | 'node', string[]>> {
    const { capabilities } = await this.#call('GetPluginCapabilities', this.#identity.GetPluginCapabilities, {});
    const plugin = capabilities.flatMap(({ service, volumeExpansion }) => [
      ...(service ? [service.type as string] : []),
      ...(volumeExpansion ? [`VOLUME_EXPANSION_${volumeExpansion.type}`] : []),
    ]);
    const controller = plugin.includes('CONTROLLER_SERVICE')
      ? await this.#call('ControllerGetCapabilities', this.#controller.ControllerGetCapabilities, {})
      : { capabilities: [] };
    const group = plugin.includes('GROUP_CONTROLLER_SERVICE')
      ? await this.#call('GroupControllerGetCapabilities', this.#group.GroupControllerGetCapabilities, {})
      : { capabilities: [] };
    const node = await this.#optional('NodeGetCapabilities', this.#node.NodeGetCapabilities, {});
    const names = (list: readonly { rpc?: { type: string } }[]) => list.flatMap(({ rpc }) => (rpc ? [rpc.type] : []));
    return {
      plugin,
      controller: names(controller.capabilities),
      group: names(group.capabilities),
      node: names(node?.capabilities ?? []),
    };
  }

  /** An absent `ready` means ready (CSI spec, Probe). */
  async ready(): Promise<boolean> {
    const { ready } = await this.#call('Probe', this.#identity.Probe, {});
    return ready?.value ?? true;
  }

  /** @returns undefined where the driver has no node service. */
  nodeInfo(): Promise<csi.NodeGetInfoResponse | undefined> {
    return this.#optional('NodeGetInfo', this.#node.NodeGetInfo, {});
  }

  async listVolumes(): Promise<csi.ListVolumesResponseEntry[]> {
    const all: csi.ListVolumesResponseEntry[] = [];
    let startingToken = '';
    do {
      const page = await this.#call('ListVolumes', this.#controller.ListVolumes, { startingToken, maxEntries: 0 });
      all.push(...page.entries);
      startingToken = page.nextToken;
    } while (startingToken !== '');
    return all;
  }

  stats(volumeId: string, volumePath: string): Promise<csi.NodeGetVolumeStatsResponse> {
    return this.#call('NodeGetVolumeStats', this.#node.NodeGetVolumeStats, { volumeId, volumePath });
  }

  /** Deleted volumes that can be had back; none where the driver has no trash, as all but Berth's. */
  async listTrash(): Promise<berth.TrashedVolume[]> {
    const all: berth.TrashedVolume[] = [];
    let startingToken = '';
    do {
      const page = await this.#optional('ListTrash', this.#trash.ListTrash, { startingToken, maxEntries: 0 });
      all.push(...(page?.entries ?? []));
      startingToken = page?.nextToken ?? '';
    } while (startingToken !== '');
    return all;
  }

  undelete(volumeId: string): Promise<berth.UndeleteResponse> {
    return this.#call('Undelete', this.#trash.Undelete, { volumeId });
  }

  [Symbol.dispose](): void {
    this.#connection[Symbol.dispose]();
  }

  async #call<Request, Response>(name: string, call: Call<Request, Response>, request: Request): Promise<Response> {
    const { now, trace, signal, timeoutMs } = this.#options;
    const started = now();
    try {
      const response = await call(request, { signal, timeoutMs });
      trace(`${name} ${this.endpoint} OK ${(now() - started).toFixed(1)} ms`);
      return response;
    } catch (error) {
      const known = asGrpcError(error);
      trace(`${name} ${this.endpoint} ${known.code} ${(now() - started).toFixed(1)} ms`);
      throw grpcError(known.code, `driver at ${this.endpoint}: ${wording(name, known)}`, { cause: error });
    }
  }

  async #optional<Request, Response>(
    name: string,
    call: Call<Request, Response>,
    request: Request,
  ): Promise<Response | undefined> {
    try {
      return await this.#call(name, call, request);
    } catch (error) {
      if ((error as { code?: string }).code === 'UNIMPLEMENTED') return undefined;
      throw error;
    }
  }
}

/** The transport's own words about a socket nobody listens at are for nobody. A driver may tell of connections of its own. */
function wording(method: string, { code, message }: GrpcError): string {
  const refused = code === 'UNAVAILABLE' && /^No connection established/.test(message);
  return refused ? 'nobody listens at the socket' : `${method}: ${message}`;
}
