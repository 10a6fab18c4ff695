import { systemClock } from '@berth/kit';

/** Asks until it is so. For hooks, where `expect.poll` may not be called: their own limit tells what hangs. */
export async function eventually(isSo: () => Promise<boolean>): Promise<void> {
  while (!(await isSo())) await systemClock.sleep(20);
}
