import type { Clock } from '@berth/kit';
import { type csi, csiNode, GrpcConnection, type ObservedCall, observedCalls } from '@berth/protos';
import type { CsiNodeDriver } from './csi-plugins.ts';

const capabilitiesTimeoutMs = 120_000;

/** A connection to one registered driver; disposing closes it. */
export class RegisteredDriver implements CsiNodeDriver, Disposable {
  readonly name: string;
  readonly endpoint: string;
  readonly node: CsiNodeDriver['node'];
  readonly #connection: GrpcConnection;
  #capabilities: Promise<ReadonlySet<csi.NodeServiceCapabilityRPCType>> | undefined;

  constructor(name: string, endpoint: string, clock: Clock, observe: (call: ObservedCall) => void) {
    this.name = name;
    this.endpoint = endpoint;
    this.#connection = new GrpcConnection(endpoint.startsWith('unix:') ? endpoint : `unix://${endpoint}`);
    this.node = observedCalls(this.#connection.service(csiNode), clock, observe);
  }

  /** A failed question is asked again by the next caller. */
  capabilities(): Promise<ReadonlySet<csi.NodeServiceCapabilityRPCType>> {
    this.#capabilities ??= this.#ask().catch((error: unknown) => {
      this.#capabilities = undefined;
      throw error;
    });
    return this.#capabilities;
  }

  [Symbol.dispose](): void {
    this.#connection[Symbol.dispose]();
  }

  async #ask(): Promise<ReadonlySet<csi.NodeServiceCapabilityRPCType>> {
    const { capabilities } = await this.node.NodeGetCapabilities({}, { timeoutMs: capabilitiesTimeoutMs });
    return new Set(capabilities.flatMap(({ rpc }) => (rpc ? [rpc.type] : [])));
  }
}
