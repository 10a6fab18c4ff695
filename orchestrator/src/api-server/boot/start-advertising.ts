import type { ServerContext } from '../server-context.ts';
import { type AdvertisedAddress, advertise } from './advertise.ts';
import { untilKnown } from './until-known.ts';

/** Upstream's: a server that says nothing for 15 s is none any more (reconcilers/lease.go). */
const ttlSeconds = 15;

/** Apart from kube-apiserver's, which are others. */
const prefix = '/masterleases/';
const encoder = new TextEncoder();

/** Tells where a server is; disposing takes it away again. */
export interface Advertising extends AsyncDisposable {
  /** Says it once more, for {@link ttlSeconds}. */
  say(): Promise<void>;
}

/**
 * Makes the `kubernetes` Service lead here; on a store that others serve too, to all of those who said lately that they live.
 */
export async function startAdvertising(context: ServerContext, own: AdvertisedAddress): Promise<Advertising> {
  const { store } = context;
  const key = `${prefix}${own.ip}:${own.port}`;
  const say = async () => {
    if (!store.shared) return advertise(context, [own]);
    await store.write({ key, value: encoder.encode(JSON.stringify(own)), ttlSeconds });
    await advertiseAll(context);
  };
  await untilKnown(context.clock, say);
  return {
    say,
    async [Symbol.asyncDispose]() {
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
