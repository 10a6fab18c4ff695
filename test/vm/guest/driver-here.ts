import { createLogger, systemClock, systemRng } from '@berth/kit';
import { csiController, csiNode, GrpcConnection } from '@berth/protos';
import { startDriver } from '../../../csi-driver/src/driver.ts';

export interface DriverHere extends AsyncDisposable {
  readonly controller: ReturnType<typeof services>['controller'];
  readonly node: ReturnType<typeof services>['node'];
  log(): string;
}

const node = [process.execPath, '--disable-warning=ExperimentalWarning'];

/** What it starts for system calls that may hang. */
export const wholeProgram = [...node, '/code/csi-driver/src/main.js'];
/** The part of the program that mounts shares, which starts sooner. */
export const mountHelper = [...node, '/code/test/guest/mount-helper.js'];

/** The driver in this process, behind its socket as always: a program of its own takes seconds to start in a guest. */
export async function startDriverHere(folder: string, self: readonly string[] = mountHelper): Promise<DriverHere> {
  let lines = '';
  const endpoint = `unix://${folder}/csi.sock`;
  const driver = await startDriver({
    endpoint,
    nodeId: 'n1',
    pool: `${folder}/pool`,
    driverName: 'csi.berth.local',
    self,
    clock: systemClock,
    rng: systemRng,
    log: createLogger({
      level: 'info',
      format: 'text',
      now: () => systemClock.now(),
      write: (line) => {
        lines += line;
      },
    }),
  });
  const connection = new GrpcConnection(endpoint);
  return {
    ...services(connection),
    log: () => lines,
    [Symbol.asyncDispose]: async () => {
      connection[Symbol.dispose]();
      await driver[Symbol.asyncDispose]();
    },
  };
}

function services(connection: GrpcConnection) {
  return { controller: connection.service(csiController), node: connection.service(csiNode) };
}
