import type { Session } from '../session.ts';
import { Driver } from './driver.ts';
import { findSockets } from './find-sockets.ts';
import { noDriver } from './no-driver.ts';

/** A driver and, where it was found in a data directory, the node it is of. */
export interface OpenDriver {
  readonly node: string;
  readonly driver: Driver;
}

export interface OpenDrivers extends Disposable {
  readonly drivers: readonly OpenDriver[];
}

/**
 * The driver --endpoint or CSI_ENDPOINT names, else all of the data directory.
 * @throws CsictlError NOT_FOUND – there is none.
 */
export function openDrivers({ options, terminal, signal, now }: Session): OpenDrivers {
  const named = options.endpoint ?? terminal.env['CSI_ENDPOINT'];
  const found = named ? [{ node: '', endpoint: named }] : findSockets(options.dataDir);
  if (found.length === 0) throw noDriver(options.dataDir);
  const trace = (line: string) => (options.verbose ? terminal.err(`${line}\n`) : undefined);
  const drivers = found.map(({ node, endpoint }) => ({
    node,
    driver: new Driver({ endpoint, timeoutMs: options.timeoutMs, signal, trace, now }),
  }));
  return {
    drivers,
    [Symbol.dispose]: () => {
      for (const { driver } of drivers) driver[Symbol.dispose]();
    },
  };
}
