import { messageOf } from '@berth/kit';
import type { NodeContext } from '../node-context.ts';

/**
 * Removes containers that an earlier kubelet had created but not started when it was killed: nobody starts them any more, and
 * a new attempt beside them would tell of a restart where nothing ever ran.
 */
export async function removeUnstarted({ options }: NodeContext, signal: AbortSignal): Promise<void> {
  const { runtime } = options.runtime;
  const filter = { state: { state: 'CONTAINER_CREATED' } } as const;
  const { containers } = await runtime.ListContainers({ filter }, { signal });
  const removals = containers.map(async ({ id }) => {
    try {
      await runtime.RemoveContainer({ containerId: id }, { signal });
    } catch (error) {
      options.log.warn('a container that was never started could not be removed', { id, error: messageOf(error) });
    }
  });
  await Promise.all(removals);
}
