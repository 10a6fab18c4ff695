import { createLogger, systemClock, systemRng } from '@berth/kit';
import {
  type csi,
  csiController,
  csiGroupController,
  csiNode,
  GrpcConnection,
  type ServiceClient,
} from '@berth/protos';
import type { LifeClients } from './life.ts';

export interface InProcessDriver extends LifeClients, AsyncDisposable {
  readonly groups: ServiceClient<csi.GroupControllerService>;
}

export interface NamedPool {
  readonly name: string;
  readonly path: string;
}

export interface InProcessOptions {
  readonly folder: string;
  /** One directory, or named ones, the first with the catalog. */
  readonly pool: string | readonly NamedPool[];
  /** Gets every line of the driver's log. */
  readonly log: (line: string) => void;
  /** Logs every request too. */
  readonly debug?: boolean;
}

/** The driver in this process, on a real pool, the real kernel and a real socket: quick to start, and its system calls can be watched. */
export async function startInProcess({ folder, pool, log, debug = false }: InProcessOptions): Promise<InProcessDriver> {
  // Not before the test has taken the place of what it calls.
  const { startDriver } = await import('../../csi-driver/src/index.ts');
  const endpoint = `unix://${folder}/csi.sock`;
  const driver = await startDriver({
    endpoint,
    nodeId: 'n1',
    pool: typeof pool === 'string' ? pool : pool.map((one) => ({ ...one, named: true, overcommit: 2 })),
    driverName: 'csi.berth.local',
    attach: true,
    clock: systemClock,
    rng: systemRng,
    log: createLogger({ level: debug ? 'debug' : 'info', format: 'text', now: () => 0, write: log }),
    logRequests: debug,
  });
  const connection = new GrpcConnection(endpoint);
  return {
    controller: connection.service(csiController),
    node: connection.service(csiNode),
    groups: connection.service(csiGroupController),
    [Symbol.asyncDispose]: async () => {
      connection[Symbol.dispose]();
      await driver[Symbol.asyncDispose]();
    },
  };
}
