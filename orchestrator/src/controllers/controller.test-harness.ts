import { seededRng, silentLogger } from '@berth/kit';
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
    /** Time passes until it is so. */
    async until(check: () => Promise<boolean>): Promise<void> {
      for (let turn = 0; turn < 2000; turn++) {
        if (await check()) return;
        await clock.advance(5);
      }
      throw new Error(`never so: ${check}`);
    },
    async [Symbol.asyncDispose]() {
      stop.abort();
      for (const controller of controllers) await controller[Symbol.asyncDispose]();
      await customTypes[Symbol.asyncDispose]();
      await informers[Symbol.asyncDispose]();
      await server[Symbol.asyncDispose]();
    },
  };
}
