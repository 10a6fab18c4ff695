import type { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { type Clock, deadline } from '@berth/kit';
import { startProgram } from '@berth/linux';
import type { SubPath } from './prepare-sub-path.ts';
import type { SubPathAnswer } from './sub-path-child.ts';

/** Longer than a server that is there takes for a few names. */
const answerMs = 20_000;

const source = fileURLToPath(
  new URL(import.meta.url.endsWith('.ts') ? './sub-path-child.ts' : './sub-path-child.js', import.meta.url),
);

/** Why a subPath could not be prepared: `create` is making its directories. */
export class SubPathFailure extends Error {
  readonly step: 'create' | 'bind';

  constructor(step: 'create' | 'bind', message: string) {
    super(message);
    this.step = step;
  }
}

/**
 * Prepares a subPath of a network filesystem in a child, which alone hangs where the server goes away meanwhile: every
 * name on the way is a question to it. What the child mounts is mounted here.
 * @throws SubPathFailure – as the child met it, or no answer in time.
 */
export async function prepareInChild(request: SubPath, clock: Clock): Promise<void> {
  const child = await startProgram(process.execPath, ['--disable-warning=ExperimentalWarning', source], {
    fds: ['it-reads', 'it-writes'],
    cwd: '/',
  });
  const [stdin, stdout] = child.pipes;
  using limit = deadline(clock, answerMs);
  const { promise: late, resolve } = Promise.withResolvers<undefined>();
  limit.signal.addEventListener('abort', () => resolve(undefined), { once: true });
  stdin?.on('error', () => undefined).end(JSON.stringify(request));
  const ended = Promise.all([text(stdout as Readable), child.ended]).then(([said]) => said);
  ended.catch(() => undefined);
  const said = await Promise.race([ended, late]);
  if (said === undefined) {
    // It may be beyond killing; it is waited for by nobody.
    child.kill('SIGKILL');
    stdout?.destroy();
    child.unref();
    throw new SubPathFailure('bind', `the filesystem at ${request.volume} does not answer: its server may be gone`);
  }
  const answer = answerIn(said);
  if ('failed' in answer) throw new SubPathFailure(answer.failed, answer.message);
}

function answerIn(said: string): SubPathAnswer {
  try {
    return JSON.parse(said) as SubPathAnswer;
  } catch {
    return { failed: 'bind', message: `what was to prepare it ended and said ${JSON.stringify(said.slice(0, 200))}` };
  }
}
