import { CsictlError } from '../csictl-error.ts';
import type { Session } from '../session.ts';
import { findSockets } from './find-sockets.ts';
import { noDriver } from './no-driver.ts';
import { socketEndpoint } from './socket-endpoint.ts';

/**
 * The driver --endpoint or CSI_ENDPOINT names, else the only one of the data directory.
 * @throws CsictlError NOT_FOUND – there is none; USAGE – there are several.
 */
export function oneEndpoint({ options, terminal }: Session): string {
  const named = options.endpoint ?? terminal.env['CSI_ENDPOINT'];
  if (named) return socketEndpoint(named);
  const [only, ...others] = findSockets(options.dataDir);
  if (!only) throw noDriver(options.dataDir);
  if (others.length > 0) {
    throw new CsictlError('USAGE', `${others.length + 1} CSI drivers run below ${options.dataDir}`, {
      hint: `name one, e.g. --endpoint ${only.endpoint}`,
    });
  }
  return only.endpoint;
}
