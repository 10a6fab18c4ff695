import type { Listener } from '../http/listener.ts';
import type { ServerContext } from '../server-context.ts';
import { isOpenToOthers } from './advertise.ts';
import { startAdvertising } from './start-advertising.ts';
import type { UpkeepParts } from './start-upkeep.ts';

export interface PresenceParts extends Omit<UpkeepParts, 'advertised' | 'advertising'> {
  readonly listener: Pick<Listener, 'address' | 'port'>;
  /** Where clients reach the server if it listens on a loopback address or on all of them; absent: nowhere. */
  readonly advertiseAddress: string | undefined;
}

/** Makes a server that listens known, and begins what it sees to while it serves: nobody waits for that. */
export async function startPresence(context: ServerContext, parts: PresenceParts): Promise<AsyncDisposable> {
  const { address, port } = parts.listener;
  const ip = isOpenToOthers(address) ? address : parts.advertiseAddress;
  const advertised = ip === undefined ? undefined : { ip, port };
  const advertising = advertised && (await startAdvertising(context, advertised));
  const upkeep = import('./start-upkeep.ts').then(({ startUpkeep }) =>
    startUpkeep(context, { ...parts, advertised, advertising }),
  );
  return {
    async [Symbol.asyncDispose]() {
      await (await upkeep)[Symbol.asyncDispose]();
    },
  };
}
