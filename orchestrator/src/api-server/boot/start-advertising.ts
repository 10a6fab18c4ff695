import { startTask } from '@berth/kit';
import type { ServerContext } from '../server-context.ts';
import { type AdvertisedAddress, advertise } from './advertise.ts';

/** Upstream's: a server that says nothing for 15 s is none any more, and each says it every 10 s (reconcilers/lease.go). */
const ttlSeconds = 15;
const everyMs = 10_000;

/** Apart from kube-apiserver's, which are others. */
const prefix = '/masterleases/';
const encoder = new TextEncoder();

/**
 * Makes the `kubernetes` Service lead here; on a store that others serve too, to all of those who said lately that they live.
 * `restore` brings back what every cluster has: somebody may delete the Service. Disposing takes this server away again.
 */
export async function startAdvertising(
  context: ServerContext,
  own: AdvertisedAddress,
  restore: () => Promise<void>,
): Promise<AsyncDisposable> {
  const { store, clock, log } = context;
  const end = new AbortController();
  const key = `${prefix}${own.ip}:${own.port}`;
  const say = async () => {
    if (!store.shared) return advertise(context, [own]);
    await store.write({ key, value: encoder.encode(JSON.stringify(own)), ttlSeconds });
    await advertiseAll(context);
  };
  await say();
  const task = startTask(
    'advertised address',
    async (signal) => {
      while (!signal.aborted) {
        await clock.sleep(everyMs, signal).catch(() => undefined);
        if (signal.aborted) return;
        await restore()
          .then(say)
          .catch((error: unknown) => log.warn('cannot tell where this server is', { error }));
      }
    },
    { log, signal: end.signal },
  );
  return {
    async [Symbol.asyncDispose]() {
      end.abort();
      await task[Symbol.asyncDispose]();
      if (!store.shared) return;
      await store
        .write({ key })
        .then(() => advertiseAll(context))
        .catch(() => undefined);
    },
  };
}

/** Again where another came or went meanwhile: it may have written before us what it knew after us. */
async function advertiseAll(context: ServerContext): Promise<void> {
  for (let known = ''; ; ) {
    const { items } = await context.store.range({ prefix });
    const keys = items.map(({ key }) => key).join();
    if (keys === known) return;
    known = keys;
    const [first, ...others] = items.map(
      ({ value }) => JSON.parse(new TextDecoder().decode(value)) as AdvertisedAddress,
    );
    if (first) await advertise(context, [first, ...others]);
  }
}
