import { hostname } from 'node:os';
import { startTask } from '@berth/kit';
import { createEventSeriesRecorder, type KubeClient } from '@berth/kube';
import type { ServiceAllocation } from '../admission/service-allocation.ts';
import type { ServerContext } from '../server-context.ts';
import { AddressRepair } from '../service-ips/address-repair.ts';
import { DefaultCidrStatus } from '../service-ips/default-service-cidr.ts';
import type { AdvertisedAddress } from './advertise.ts';
import { IdentityLease } from './identity-lease.ts';
import type { Advertising } from './start-advertising.ts';

/** Upstream's, of the identity's Lease, of the address and of the default ServiceCIDR. */
const everyMs = 10_000;
/** Leases of servers that are no more are looked for once in so many times: upstream's hour. */
const collectEvery = 360;

const repairer = 'ipallocator-repair-controller';

export interface UpkeepParts {
  /** Of this server, without limits. */
  readonly client: KubeClient;
  readonly services: ServiceAllocation;
  /** Where others reach this server. */
  readonly advertised: AdvertisedAddress | undefined;
  readonly advertising: Advertising | undefined;
  /** Brings back what every cluster has: somebody may delete it. */
  readonly restore: () => Promise<void>;
}

/** What a server tells of itself and of its service addresses while it serves; ends with its disposal, and takes that back. */
export function startUpkeep(context: ServerContext, parts: UpkeepParts): AsyncDisposable {
  const { client, services, advertised, advertising, restore } = parts;
  const { clock, rng, log } = context;
  const end = new AbortController();
  const identity = IdentityLease.of(context, hostname(), advertised && peerAddressOf(advertised));
  const status = new DefaultCidrStatus(
    context,
    client,
    services.ranges.map(({ cidr }) => cidr),
  );
  const instance = `${repairer}-${hostname()}`;
  const events = createEventSeriesRecorder(client, { controller: repairer, instance, clock, rng, log });
  const attempt = (what: string, work: (() => Promise<void>) | undefined) =>
    work?.().catch((error: unknown) => log.warn('will try again', { what, error }));
  const keep = async (signal: AbortSignal) => {
    // While a store elsewhere is away each gives up after seconds: a server that ends waits for one at most.
    const next: typeof attempt = async (what, work) => (signal.aborted ? undefined : await attempt(what, work));
    await next('identity', identity && (() => identity.begin()));
    for (let turn = 0; !signal.aborted; turn++) {
      await next('service range', () => status.sync());
      if (turn % collectEvery === 0) await next('identities', identity && (() => identity.collect()));
      await clock.sleep(everyMs, signal).catch(() => undefined);
      await next('identity', identity && (() => identity.renew()));
      await next('what every cluster has', restore);
      await next('advertised address', advertising && (() => advertising.say()));
    }
  };
  const options = { log, signal: end.signal };
  const repair = AddressRepair.of(context, events);
  const tasks = [
    startTask('upkeep', keep, options),
    ...(repair ? [startTask('service addresses', (signal) => repair.run(services, signal), options)] : []),
  ];
  return {
    async [Symbol.asyncDispose]() {
      end.abort();
      await Promise.all(tasks.map((task) => task[Symbol.asyncDispose]()));
      // Nothing says either again. Both wait for a store that is away.
      await Promise.all([
        attempt('identity', identity && (() => identity.end())),
        advertising?.[Symbol.asyncDispose](),
      ]);
      await events[Symbol.asyncDispose]();
      await status[Symbol.asyncDispose]();
    },
  };
}

function peerAddressOf({ ip, port }: AdvertisedAddress): string {
  return ip.includes(':') ? `[${ip}]:${port}` : `${ip}:${port}`;
}
