import { type csi, csiController, csiIdentity, csiNode, type GrpcConnection, type ServiceClient } from '@berth/protos';

/** The services of a driver this package calls. */
export interface CsiClients {
  readonly identity: ServiceClient<csi.IdentityService>;
  readonly controller: ServiceClient<csi.ControllerService>;
  readonly node: ServiceClient<csi.NodeService>;
  /** Where it listens, for messages. */
  readonly endpoint?: string;
}

export function csiClients(connection: GrpcConnection): CsiClients {
  return {
    identity: connection.service(csiIdentity),
    controller: connection.service(csiController),
    node: connection.service(csiNode),
    endpoint: connection.endpoint,
  };
}
