import type { Logger } from '@berth/kit';
import { GrpcServer, pluginRegistration } from '@berth/protos';
import { socketPath } from './socket-path.ts';

export interface RegistrationOptions {
  /** Where the node agent looks: a socket in its plugins_registry. */
  readonly socket: string;
  readonly driverName: string;
  /** Endpoint of the CSI services, `unix:///…`. */
  readonly endpoint: string;
  readonly log: Logger;
}

/** The CSI versions the node agent is told, as node-driver-registrar tells it. */
const supportedVersions = ['1.0.0'];

/** Serves the registration service with which a node agent finds the driver (KEP-596, plugin watcher). */
export async function serveRegistration(options: RegistrationOptions): Promise<GrpcServer> {
  const { socket, driverName, endpoint, log } = options;
  const server = new GrpcServer().add(pluginRegistration, {
    GetInfo: async () => ({ type: 'CSIPlugin', name: driverName, endpoint: socketPath(endpoint), supportedVersions }),
    NotifyRegistrationStatus: async ({ pluginRegistered, error }) => {
      if (pluginRegistered) log.info('registered with the node agent');
      else log.error('the node agent refused the registration', { reason: error });
      return {};
    },
  });
  await server.listen(`unix://${socket}`);
  return server;
}
