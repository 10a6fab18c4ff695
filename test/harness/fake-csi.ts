import { type CallOptions, type csi, type GrpcCode, grpcError } from '@berth/protos';

/** What one call does instead of succeeding. `made`: the volume exists afterwards all the same. */
export type Misbehaviour =
  | { readonly code: GrpcCode; readonly message?: string; readonly made?: boolean }
  | 'hang'
  | 'hang after making';

export interface FakeCsiOptions {
  readonly name?: string;
  readonly capabilities?: readonly csi.ControllerServiceCapabilityRPCType[];
  /** Segments of every volume; without it the driver knows no topology. */
  readonly topology?: Record<string, string>;
  readonly publishContext?: Record<string, string>;
}

interface FakeVolume {
  readonly id: string;
  readonly name: string;
  readonly capacityBytes: string;
}

type Method = keyof csi.ControllerService;

/** A CSI driver in memory that keeps volumes by name, refuses to delete staged ones, and misbehaves by script. */
export class FakeCsi {
  readonly volumes = new Map<string, FakeVolume>();
  /** Ids of volumes staged on a node. */
  readonly staged = new Set<string>();
  /** `id on node` of every controller-published volume. */
  readonly published = new Set<string>();
  readonly calls: { readonly method: Method; readonly request: unknown }[] = [];
  /** Ready from the start; a probe is refused while false. */
  ready = true;
  /** How often the driver goes away between its probe and the next question. */
  dyingAfterProbe = 0;
  /** Expanded volumes need their node's part too. */
  nodeExpansionRequired = true;
  /** What it has, by what is asked. */
  capacityOf: (request: csi.GetCapacityRequest) => {
    availableCapacity: string;
    maximumVolumeSize?: { value: string };
  } = () => ({ availableCapacity: String(2 ** 40) });
  /** Answers smaller than asked, once each. */
  readonly sizes: string[] = [];
  readonly #script = new Map<Method, Misbehaviour[]>();
  readonly #options: FakeCsiOptions;
  #created = 0;

  constructor(options: FakeCsiOptions = {}) {
    this.#options = options;
  }

  get name(): string {
    return this.#options.name ?? 'hostpath.csi.k8s.io';
  }

  /** The next calls of a method misbehave so, one after the other; later ones succeed. */
  misbehave(method: Method, ...script: Misbehaviour[]): void {
    this.#script.set(method, [...(this.#script.get(method) ?? []), ...script]);
  }

  count(method: Method): number {
    return this.calls.filter((call) => call.method === method).length;
  }

  /** In the shape of the clients a connection gives. */
  get clients() {
    return { identity: this.#identity(), controller: this.#controller(), node: {} } as never;
  }

  #identity() {
    const { topology } = this.#options;
    const services = ['CONTROLLER_SERVICE', ...(topology ? ['VOLUME_ACCESSIBILITY_CONSTRAINTS'] : [])];
    return {
      Probe: async () => {
        if (!this.ready) throw grpcError('UNAVAILABLE', 'no socket');
        return { ready: null };
      },
      GetPluginInfo: async () => ({ name: this.name, vendorVersion: '1', manifest: {} }),
      GetPluginCapabilities: async () => {
        if (this.dyingAfterProbe-- > 0) throw grpcError('UNAVAILABLE', 'connection dropped');
        return { capabilities: services.map((type) => ({ service: { type } })) };
      },
    };
  }

  #controller() {
    const { capabilities = ['CREATE_DELETE_VOLUME'] } = this.#options;
    return {
      ControllerGetCapabilities: async () => ({ capabilities: capabilities.map((type) => ({ rpc: { type } })) }),
      CreateVolume: this.#call<csi.CreateVolumeRequest>('CreateVolume', (request) => this.#create(request)),
      DeleteVolume: this.#call<csi.DeleteVolumeRequest>('DeleteVolume', ({ volumeId }) => this.#delete(volumeId)),
      GetCapacity: this.#call<csi.GetCapacityRequest>('GetCapacity', (request) => this.capacityOf(request)),
      ControllerExpandVolume: this.#call<csi.ControllerExpandVolumeRequest>('ControllerExpandVolume', (request) => ({
        capacityBytes: request.capacityRange?.requiredBytes ?? '0',
        nodeExpansionRequired: this.nodeExpansionRequired,
      })),
      ControllerPublishVolume: this.#call<csi.ControllerPublishVolumeRequest>('ControllerPublishVolume', (request) => {
        this.published.add(`${request.volumeId} on ${request.nodeId}`);
        return { publishContext: this.#options.publishContext ?? {} };
      }),
      ControllerUnpublishVolume: this.#call<csi.ControllerUnpublishVolumeRequest>(
        'ControllerUnpublishVolume',
        (request) => {
          this.published.delete(`${request.volumeId} on ${request.nodeId}`);
          return {};
        },
      ),
    };
  }

  #call<Request>(method: Method, run: (request: Request) => object) {
    return async (request: Request, { signal }: CallOptions = {}): Promise<object> => {
      this.calls.push({ method, request });
      const misbehaviour = this.#script.get(method)?.shift();
      if (misbehaviour === undefined) return run(request);
      if (typeof misbehaviour === 'string') {
        if (misbehaviour === 'hang after making') run(request);
        return new Promise((_, reject) =>
          signal?.addEventListener('abort', () => reject(signal.reason), { once: true }),
        );
      }
      if (misbehaviour.made) run(request);
      throw grpcError(misbehaviour.code, misbehaviour.message ?? 'as scripted');
    };
  }

  #create(request: csi.CreateVolumeRequest): object {
    const { topology } = this.#options;
    const known = this.volumes.get(request.name);
    const capacityBytes = this.sizes.shift() ?? request.capacityRange?.requiredBytes ?? '0';
    const volume = known ?? { id: `vol-${++this.#created}`, name: request.name, capacityBytes };
    this.volumes.set(request.name, volume);
    return {
      volume: {
        volumeId: volume.id,
        capacityBytes: volume.capacityBytes,
        volumeContext: {},
        contentSource: null,
        accessibleTopology: topology ? [{ segments: topology }] : [],
      },
    };
  }

  #delete(volumeId: string): object {
    if (this.staged.has(volumeId)) throw grpcError('FAILED_PRECONDITION', `volume ${volumeId} is staged`);
    for (const [name, { id }] of this.volumes) if (id === volumeId) this.volumes.delete(name);
    return {};
  }
}
