import { GrpcConnection, pluginRegistration } from '@berth/protos';

/** What a registration socket says it registers. */
export interface Registration {
  readonly driver: string;
  readonly endpoint: string;
}

/** Upstream pluginwatcher's dialTimeoutDuration. */
const registrationTimeoutMs = 10_000;

/**
 * Asks a socket of `plugins_registry` what it registers.
 * @throws Error – it is no CSI plugin, or of no version served here; GrpcError – nobody answers.
 */
export async function readRegistration(socket: string): Promise<Registration> {
  using connection = new GrpcConnection(`unix://${socket}`);
  const info = await connection.service(pluginRegistration).GetInfo({}, { timeoutMs: registrationTimeoutMs });
  if (info.type !== 'CSIPlugin')
    throw new Error(`no handler registered for plugin type: ${info.type} at socket ${socket}`);
  if (!info.supportedVersions.some((version) => /^v?1\./.test(version))) {
    const versions = info.supportedVersions.join(' ');
    throw new Error(`CSI driver ${info.name} supports none of the versions served here (1.x): ${versions}`);
  }
  if (!/^[a-z0-9A-Z]([a-z0-9A-Z.-]{0,61}[a-z0-9A-Z])?$/.test(info.name)) {
    throw new Error(`"${info.name}" is not the name of a CSI driver`);
  }
  // A plugin without an endpoint of its own serves CSI on this socket too.
  return { driver: info.name, endpoint: info.endpoint === '' ? socket : info.endpoint };
}

/** Tells the plugin how its registration went. */
export async function notifyRegistration(socket: string, error: string | undefined): Promise<void> {
  using connection = new GrpcConnection(`unix://${socket}`);
  const status = { pluginRegistered: error === undefined, error: error ?? '' };
  await connection.service(pluginRegistration).NotifyRegistrationStatus(status, { timeoutMs: registrationTimeoutMs });
}
