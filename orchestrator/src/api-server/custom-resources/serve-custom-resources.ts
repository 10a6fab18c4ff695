import { followObjects } from '../follow-objects.ts';
import type { AnyObject } from '../resource-definition.ts';
import type { ServerContext } from '../server-context.ts';
import type { DefinitionController } from './serving/definition-controller.ts';

/**
 * Serves what CustomResourceDefinitions define, for as long as they are there: those that are there already when this
 * resolves. Without any, nothing of it is loaded.
 */
export async function serveCustomResources(
  context: ServerContext,
  signal: AbortSignal,
  /** Another server of the same store gives definitions their names, and ends them. */
  { follows = false }: { readonly follows?: boolean } = {},
): Promise<AsyncDisposable> {
  const storage = context.storageOf('apiextensions.k8s.io', 'customresourcedefinitions');
  let controller: DefinitionController | undefined;
  /** What came while the controller was being loaded. */
  const waiting: (() => void)[] = [];
  let loading: Promise<void> | undefined;
  const tell = (change: (to: DefinitionController) => void) => {
    if (controller) {
      change(controller);
      return;
    }
    waiting.push(() => change(controller as DefinitionController));
    loading ??= import('./serving/definition-controller.ts').then(({ DefinitionController }) => {
      if (!storage || signal.aborted) return;
      controller = new DefinitionController({ context, storage, signal, follows });
      for (const each of waiting.splice(0)) each();
    });
  };
  if (storage) {
    const follower = {
      reset: () => controller?.reset(),
      set: (object: AnyObject) => tell((to) => to.set(object)),
      remove: (object: AnyObject) => tell((to) => to.remove(object)),
    };
    await followObjects(storage, follower, { log: context.log, clock: context.clock, signal });
    await loading;
  }
  return {
    [Symbol.asyncDispose]: async () => {
      await loading;
      await controller?.[Symbol.asyncDispose]();
    },
  };
}
