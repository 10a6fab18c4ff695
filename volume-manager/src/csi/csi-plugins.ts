import type { csi, ServiceClient } from '@berth/protos';

/** A registered CSI driver's node service, reached through its socket. */
export interface CsiNodeDriver {
  readonly name: string;
  readonly endpoint: string;
  readonly node: ServiceClient<csi.NodeService>;
  /** What the driver said it can do; asked once per registration. @throws GrpcError – the driver does not answer. */
  capabilities(signal?: AbortSignal): Promise<ReadonlySet<csi.NodeServiceCapabilityRPCType>>;
}

/** The CSI drivers registered on this node: what the volume manager needs of kubelet's plugin registration. */
export interface CsiPlugins {
  find(driverName: string): CsiNodeDriver | undefined;
  list(): readonly CsiNodeDriver[];
  /**
   * Resolves when the driver is registered, or when there is no reason (any more) to expect it soon: a driver that was registered
   * a moment ago, or before this process started, is starting anew.
   */
  whenSettled(driverName: string, signal: AbortSignal): Promise<void>;
  /** Told of a driver's name whenever it was registered, replaced or removed. */
  onChange(handler: (driverName: string) => void): Disposable;
}
