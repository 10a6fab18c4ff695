import { Backoff, type Clock, type Logger, type Metrics } from '@berth/kit';
import { type csi, GrpcError } from '@berth/protos';
import { CsiCalls } from './csi-calls.ts';
import type { CsiClients } from './csi-clients.ts';
import { forgetAbsence, NotReady, tellAbsent } from './driver-absence.ts';

export interface ConnectOptions {
  readonly clients: CsiClients;
  readonly clock: Clock;
  readonly log: Logger;
  readonly metrics: Metrics;
  readonly timeoutMs: number;
}

export type ControllerCapability = csi.ControllerServiceCapabilityRPCType;

/** A driver that answered: what it is called and what it can do. */
export interface ConnectedDriver {
  readonly name: string;
  readonly version: string;
  readonly calls: CsiCalls;
  readonly can: (capability: ControllerCapability) => boolean;
  /** Volumes may be reachable from some nodes only (VOLUME_ACCESSIBILITY_CONSTRAINTS). */
  readonly hasTopology: boolean;
}

/** A driver must answer a probe within this, or it is asked again (csi-lib-utils rpc.ProbeForever). */
const probeTimeoutMs = 1000;

/**
 * Waits until the driver is there and ready, then asks who it is; starts over when it goes away in between.
 * @throws GrpcError – the driver answers, but not what a driver must: FAILED_PRECONDITION when it has no name.
 */
export async function connectDriver(options: ConnectOptions, signal: AbortSignal): Promise<ConnectedDriver> {
  const { clients, clock } = options;
  const backoff = new Backoff({ initialMs: 20, maxMs: 1000 });
  while (true) {
    try {
      const driver = await ask(options, signal);
      forgetAbsence(clients);
      return driver;
    } catch (error) {
      signal.throwIfAborted();
      if (!isAway(error)) throw error;
      tellAbsent(options, error);
      await clock.sleep(backoff.next(''), signal);
    }
  }
}

async function ask(
  { clients, clock, metrics, timeoutMs }: ConnectOptions,
  signal: AbortSignal,
): Promise<ConnectedDriver> {
  const nameless = new CsiCalls({ clients, clock, metrics, timeoutMs, driverName: 'unknown-driver' });
  const { ready } = await nameless.identity('Probe', {}, signal, probeTimeoutMs);
  // An answer without `ready` means ready (CSI spec §Probe).
  if (ready?.value === false) throw new NotReady();
  const { name, vendorVersion } = await nameless.identity('GetPluginInfo', {}, signal);
  if (name === '') throw new GrpcError('FAILED_PRECONDITION', 'the driver answers GetPluginInfo with an empty name');
  const calls = new CsiCalls({ clients, clock, metrics, timeoutMs, driverName: name });
  const { capabilities } = await calls.identity('GetPluginCapabilities', {}, signal);
  const services = new Set(capabilities.map(({ service }) => service?.type));
  const rpcs = services.has('CONTROLLER_SERVICE')
    ? (await calls.controller('ControllerGetCapabilities', {}, signal)).capabilities
    : [];
  const known = new Set(rpcs.map(({ rpc }) => rpc?.type));
  return {
    name,
    version: vendorVersion,
    calls,
    can: (capability) => known.has(capability),
    hasTopology: services.has('VOLUME_ACCESSIBILITY_CONSTRAINTS'),
  };
}

/** The driver starts, restarts or hangs: waiting may help. */
function isAway(error: unknown): error is GrpcError {
  return error instanceof GrpcError && (error.code === 'UNAVAILABLE' || error.code === 'DEADLINE_EXCEEDED');
}
