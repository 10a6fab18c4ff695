import { setImmediate } from 'node:timers/promises';
import { type FakeClock, seededRng, silentLogger, systemClock } from '@berth/kit';
import { type EventRecorder, KubeClient, startInformers, type Transport } from '@berth/kube';
import { aServer } from '../api-server/server.test-harness.ts';
import type { EveryKindDeps } from './controller-deps.ts';
import { CustomTypes } from './custom-types/custom-types.ts';

type Server = Awaited<ReturnType<typeof aServer>>;
type Start = (deps: EveryKindDeps, signal: AbortSignal) => AsyncDisposable;

/** A server, and one controller that follows every kind. */
export async function withController(start: Start) {
  return withControllers(await aServer(), [start]);
}

/** What hangs is told before the test's own time is over. */
const hangsMs = 100_000;

/**
 * Time passes until there is something to be seen, which is returned. By the real clock nobody knows when: some of it is done by other
 * threads, and some by code that is loaded then.
 */
export async function untilSo<T>(clock: FakeClock, look: () => Promise<T | false | undefined>): Promise<T> {
  for (const endMs = systemClock.monotonicMs() + hangsMs; systemClock.monotonicMs() < endMs; ) {
    const seen = await look();
    if (seen !== undefined && seen !== false) return seen;
    await clock.advance(5);
    await setImmediate();
  }
  throw new Error(`never so: ${look}`);
}

/** A client of a server, which hears of changes of a kind late: between `hold` and `release` of none. */
export function lateClient(transport: Transport, plural: string) {
  let gate = Promise.withResolvers<void>();
  gate.resolve();
  async function* watch(...[request, signal]: Parameters<Transport['watch']>) {
    const isLate = new URL(request.path, 'https://host').pathname.endsWith(`/${plural}`);
    for await (const event of transport.watch(request, signal)) {
      if (isLate) await gate.promise;
      yield event;
    }
  }
  return {
    client: new KubeClient({ request: (...of) => transport.request(...of), watch }),
    hold: () => {
      gate = Promise.withResolvers();
    },
    release: () => gate.resolve(),
  };
}

/** The same with several, on a server that ends with them. */
export function withControllers<S extends Pick<Server, 'client' | 'clock'> & AsyncDisposable>(
  server: S,
  starts: readonly Start[],
  recorder: (component: string) => EventRecorder = () => ({ event: () => undefined }),
) {
  const { client, clock } = server;
  const stop = new AbortController();
  const informers = startInformers(client, { clock, log: silentLogger }, stop.signal);
  const deps = { client, informers, clock, rng: seededRng(1), log: silentLogger, recorder };
  const customTypes = new CustomTypes(deps);
  const controllers = starts.map((start) => start({ ...deps, customTypes }, stop.signal));
  return {
    ...server,
    customTypes,
    until: (check: () => Promise<boolean>) => untilSo(clock, check),
    async [Symbol.asyncDispose]() {
      stop.abort();
      for (const controller of controllers) await controller[Symbol.asyncDispose]();
      await customTypes[Symbol.asyncDispose]();
      await informers[Symbol.asyncDispose]();
      await server[Symbol.asyncDispose]();
    },
  };
}
