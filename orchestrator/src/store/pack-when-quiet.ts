import { setImmediate } from 'node:timers/promises';
import type { Clock } from '@berth/kit';
import type { KeySpace } from './key-space.ts';
import { QuietMoments } from './quiet-moments.ts';

/** Before the process itself gives memory back, which it does after two seconds without work. */
const moments = { everyMs: 500, little: 50, worth: 1000 };

export interface PackingOptions {
  readonly clock: Clock;
  /** The store's state of the moment. */
  readonly space: () => KeySpace;
  /** What else then takes less memory. */
  readonly andThen?: () => Promise<unknown>;
}

/** After much work, told as numbers of changes, a store takes less memory for what there is. */
export function packWhenQuiet({ clock, space, andThen }: PackingOptions): QuietMoments {
  const run = async (signal: AbortSignal) => {
    for (const _ of space().pack()) {
      await setImmediate();
      if (signal.aborted) return;
    }
    await andThen?.();
  };
  return new QuietMoments({ ...moments, clock, run });
}
