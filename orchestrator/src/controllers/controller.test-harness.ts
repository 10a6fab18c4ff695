import { seededRng, silentLogger } from '@berth/kit';
import { startInformers } from '@berth/kube';
import { aServer } from '../api-server/server.test-harness.ts';
import type { EveryKindDeps } from './controller-deps.ts';
import { CustomTypes } from './custom-types/custom-types.ts';

/** A server, and one controller that follows every kind. */
export async function withController(start: (deps: EveryKindDeps, signal: AbortSignal) => AsyncDisposable) {
  const server = await aServer();
  const { client, clock } = server;
  const stop = new AbortController();
  const informers = startInformers(client, { clock, log: silentLogger }, stop.signal);
  const recorder = () => ({ event: () => undefined });
  const deps = { client, informers, clock, rng: seededRng(1), log: silentLogger, recorder };
  const customTypes = new CustomTypes(deps);
  const controller = start({ ...deps, customTypes }, stop.signal);
  return {
    client,
    /** Time passes until it is so. */
    async until(check: () => Promise<boolean>): Promise<void> {
      for (let turn = 0; turn < 1000; turn++) {
        if (await check()) return;
        await clock.advance(1);
      }
      throw new Error(`never so: ${check}`);
    },
    async [Symbol.asyncDispose]() {
      stop.abort();
      await controller[Symbol.asyncDispose]();
      await customTypes[Symbol.asyncDispose]();
      await informers[Symbol.asyncDispose]();
      await server[Symbol.asyncDispose]();
    },
  };
}
