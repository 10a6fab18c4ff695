import { setImmediate } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

/** What nobody holds is gone then, from caches too that keep it for as long as its room is not needed. */
export async function collectGarbage(): Promise<void> {
  setFlagsFromString('--expose-gc');
  // What is held until a promise is settled is let go.
  await setImmediate();
  (runInNewContext('gc') as () => void)();
}
