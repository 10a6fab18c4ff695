import type { Clock } from '@berth/kit';
import { type Mounter, startProgram } from '@berth/linux';
import { isOnNetwork } from './mount-table.ts';

/** A server that has not answered after this time is taken for dead. */
const answerMs = 10_000;

/**
 * Makes sure that a path on a network filesystem answers, before this process touches it: stat(1) asks in a child, which alone
 * hangs where the server is dead (k/k#31272). Paths on local filesystems are not asked.
 * @throws Error – no answer in time.
 */
export async function probeFilesystem(mounter: Mounter, clock: Clock, path: string): Promise<void> {
  if (!(await isOnNetwork(mounter, path))) return;
  const program = await startProgram('stat', ['--file-system', '--', path], { fds: [] });
  const answered = program.ended.then(() => true);
  const { promise: timedOut, resolve } = Promise.withResolvers<boolean>();
  using _ = clock.schedule(answerMs, () => resolve(false));
  if (await Promise.race([answered, timedOut])) return;
  // It may be beyond killing; it is waited for by nobody.
  program.kill('SIGKILL');
  program.unref();
  throw new Error(`the filesystem at ${path} does not answer: its server may be gone`);
}
