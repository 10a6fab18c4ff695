import { mkdir, rm } from 'node:fs/promises';
import { type csi, csiNode, type GrpcCode, GrpcServer, grpcError, pluginRegistration } from '@berth/protos';

export interface ScriptedDriverOptions {
  readonly name: string;
  /** The CSI socket; its registration socket too, where given. */
  readonly socket: string;
  readonly registrationSocket?: string;
  readonly capabilities?: readonly csi.NodeServiceCapabilityRPCType[];
  readonly nodeId?: string;
  readonly topology?: Readonly<Record<string, string>>;
  readonly maxVolumes?: number;
  /** Called with the request once a publish is accepted: real mounts are made here. */
  readonly onPublish?: (request: csi.NodePublishVolumeRequest) => Promise<void> | void;
  readonly onUnpublish?: (request: csi.NodeUnpublishVolumeRequest) => Promise<void> | void;
}

type Call = { readonly method: keyof csi.NodeService; readonly request: Record<string, unknown> };

/** A CSI node plugin on a real socket that does what a test scripts: answers, error codes, or silence. */
export class ScriptedCsiDriver implements AsyncDisposable {
  readonly calls: Call[] = [];
  readonly staged = new Set<string>();
  readonly published = new Set<string>();
  readonly notified: { pluginRegistered: boolean; error: string }[] = [];
  readonly #options: ScriptedDriverOptions;
  readonly #script = new Map<string, (GrpcCode | 'hang')[]>();
  readonly #server = new GrpcServer();
  #registration: GrpcServer | undefined;

  constructor(options: ScriptedDriverOptions) {
    this.#options = options;
  }

  /** The next calls of a method end so, one each; `OK` lets one through. */
  script(method: keyof csi.NodeService, ...outcomes: (GrpcCode | 'hang')[]): void {
    this.#script.set(method, outcomes);
  }

  /** Calls that change something, in order: `NodeStageVolume v1`. */
  get history(): string[] {
    return this.calls
      .filter(({ method }) => !method.startsWith('NodeGet'))
      .map(({ method, request }) => `${method} ${request['volumeId']}`);
  }

  last<M extends keyof csi.NodeService>(method: M): csi.NodeService[M]['request'] {
    const call = this.calls.findLast((one) => one.method === method);
    if (!call) throw new Error(`${method} was not called`);
    return call.request as csi.NodeService[M]['request'];
  }

  async start(): Promise<this> {
    const { name, socket, registrationSocket } = this.#options;
    this.#server.add(csiNode, {
      NodeGetInfo: (request) => this.#answer('NodeGetInfo', request, () => this.#info()),
      NodeGetCapabilities: (request) => this.#answer('NodeGetCapabilities', request, () => this.#capabilities()),
      NodeStageVolume: (request) =>
        this.#answer('NodeStageVolume', request, () => void this.staged.add(request.volumeId)),
      NodeUnstageVolume: (request) =>
        this.#answer('NodeUnstageVolume', request, () => void this.staged.delete(request.volumeId)),
      NodeExpandVolume: (request) => this.#answer('NodeExpandVolume', request, () => undefined),
      NodePublishVolume: (request) => this.#answer('NodePublishVolume', request, () => this.#publish(request)),
      NodeUnpublishVolume: (request) => this.#answer('NodeUnpublishVolume', request, () => this.#unpublish(request)),
    });
    await this.#server.listen(`unix://${socket}`);
    if (registrationSocket === undefined) return this;
    this.#registration = new GrpcServer().add(pluginRegistration, {
      GetInfo: async () => ({ type: 'CSIPlugin', name, endpoint: socket, supportedVersions: ['1.0.0'] }),
      NotifyRegistrationStatus: async (status) => {
        this.notified.push(status);
        return {};
      },
    });
    await this.#registration.listen(`unix://${registrationSocket}`);
    return this;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([this.#server.stop(10), this.#registration?.stop(10)]);
  }

  async #answer<T>(
    method: keyof csi.NodeService,
    request: unknown,
    run: () => T | Promise<T>,
  ): Promise<NonNullable<T> | object> {
    this.calls.push({ method, request: request as Record<string, unknown> });
    const outcome = this.#script.get(method)?.shift() ?? 'OK';
    if (outcome === 'hang') return new Promise(() => undefined);
    // What a driver times out on may well have happened.
    const result = outcome === 'OK' || outcome === 'DEADLINE_EXCEEDED' ? await run() : undefined;
    if (outcome !== 'OK') throw grpcError(outcome, `scripted ${outcome}`);
    return result ?? {};
  }

  #info() {
    const { nodeId = 'node-id-1', topology, maxVolumes = 0 } = this.#options;
    const accessibleTopology = topology ? { segments: { ...topology } } : null;
    return { nodeId, maxVolumesPerNode: String(maxVolumes), accessibleTopology };
  }

  #capabilities() {
    const types = this.#options.capabilities ?? ['STAGE_UNSTAGE_VOLUME'];
    return { capabilities: types.map((type) => ({ rpc: { type } })) };
  }

  async #publish(request: csi.NodePublishVolumeRequest): Promise<void> {
    await mkdir(request.targetPath, { recursive: true });
    await this.#options.onPublish?.(request);
    this.published.add(request.targetPath);
  }

  async #unpublish(request: csi.NodeUnpublishVolumeRequest): Promise<void> {
    await this.#options.onUnpublish?.(request);
    await rm(request.targetPath, { recursive: true, force: true });
    this.published.delete(request.targetPath);
  }
}
