import { isNfsError } from '../nfs-error.ts';

/** A removal that was sent twice and finds nothing the second time has been done the first time. */
export async function goneIsFineWhenResent(done: Promise<unknown>): Promise<void> {
  try {
    await done;
  } catch (error) {
    if (!isNfsError(error, 'NOENT') || !error.resent) throw error;
  }
}
