import { once } from 'node:events';
import { createServer } from 'node:net';
import { isErrno } from '@berth/linux';
import { BerthError } from './berth-error.ts';

export interface ServerAddress {
  readonly address: string;
  readonly port: number;
}

/** Whether a server could listen there now, before anything is made for it. @throws BerthError InUse, Usage – see {@link listenError}. */
export async function checkPort(at: ServerAddress): Promise<void> {
  const probe = createServer();
  try {
    probe.listen(at.port, at.address);
    await once(probe, 'listening');
  } catch (error) {
    throw listenError(error, at);
  } finally {
    if (probe.listening) await new Promise<void>((resolve) => probe.close(() => resolve()));
  }
}

/** Why a server cannot listen, for a user; what is no affair of theirs as it is. */
export function listenError(error: unknown, { address, port }: ServerAddress): unknown {
  if (isErrno(error, 'EADDRINUSE'))
    return new BerthError('InUse', `port ${port} of ${address} is in use`, {
      hint: `see who has it: ss -ltnp 'sport = :${port}'; or let berth choose: --port 0`,
    });
  if (isErrno(error, 'EADDRNOTAVAIL'))
    return new BerthError('Usage', `this machine has no address ${address}`, { hint: 'see its addresses: ip addr' });
  return error;
}
