import { join } from 'node:path';
import { createLogger, messageOf, systemClock, systemRng } from '@berth/kit';
import { returnMemoryWhenQuiet } from '@berth/linux';
import type { Terminal } from './cli.ts';
import { serveShare } from './nfs-mount/serve-share.ts';
import type { ServedShare, ServingAnswer } from './nfs-mount/served-share.ts';

/** The directory to cover is the first fd after the standard ones. */
const targetFd = 3;

/** What is still to be told to a server when the program was told to end. */
const stopMs = 10_000;

/**
 * The program as the process that serves one mount, until that is gone. It says on stdout when the mount can be used, and
 * nothing after: whoever started it may be gone by then. Its log is stderr.
 */
export async function runNfsMount(
  { folder, key, request }: { readonly folder: string; readonly key: string; readonly request: string },
  terminal: Terminal,
): Promise<number> {
  const log = createLogger({ level: 'info', now: terminal.now, write: terminal.err });
  const say = (answer: ServingAnswer) => terminal.out(`${JSON.stringify(answer)}\n`);
  try {
    const share = JSON.parse(request) as ServedShare;
    const lockPath = join(folder, `${key}.lock`);
    // Heard from the start: a signal that ended us once the mount is there would leave it behind, dead.
    const stop = new AbortController();
    const asked = terminal.stopped(false).then(() => stop.abort(new Error('it was told to stop')));
    const options = { share, lockPath, targetFd, clock: systemClock, rng: systemRng, log };
    const mount = await serveShare(options, stop.signal);
    say({ ready: true });
    using _memory = returnMemoryWhenQuiet(systemClock);
    const stopped = asked.then(async () => {
      log.info('stopping');
      await mount.stop().catch((error: unknown) => log.warn('cannot unmount', { error }));
      await systemClock.sleep(stopMs);
    });
    await Promise.race([mount.ended, stopped]);
    log.info('ended');
    return 0;
  } catch (error) {
    say(failureAnswer(error));
    log.error('cannot mount', { error });
    return 1;
  }
}

/** What is told of a failure: a deadline's own code is a number that means nothing to who started us. */
export function failureAnswer(error: unknown): ServingAnswer {
  const { name, code = 'EUNKNOWN' } = error as { name?: unknown; code?: unknown };
  return { code: name === 'TimeoutError' ? 'TIMEDOUT' : String(code), message: messageOf(error) };
}
