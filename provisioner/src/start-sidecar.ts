import { startTask } from '@berth/kit';
import type { ConnectedDriver } from './driver/connect-driver.ts';
import type { RunningSidecar, SidecarOptions } from './start-provisioner.ts';

/** The work of a sidecar until `signal` aborts; calls `begun` once it has reached the driver and read its caches. */
export type SidecarWork<O extends SidecarOptions> = (
  options: O,
  begun: (driver: ConnectedDriver) => void,
  signal: AbortSignal,
) => Promise<void>;

/** Runs a sidecar's work in the background; `ready` rejects with what ended it before it had begun. */
export function startSidecar<O extends SidecarOptions>(
  name: string,
  work: SidecarWork<O>,
  { options, signal }: { readonly options: O; readonly signal: AbortSignal },
): RunningSidecar {
  const ready = Promise.withResolvers<ConnectedDriver>();
  ready.promise.catch(() => undefined);
  const attempt = async (stop: AbortSignal) => {
    try {
      await work(options, ready.resolve, stop);
    } catch (error) {
      ready.reject(error);
      throw error;
    }
  };
  const task = startTask(name, attempt, { log: options.log, signal });
  return { ready: ready.promise, [Symbol.asyncDispose]: () => task[Symbol.asyncDispose]() };
}
