import type { Duplex } from 'node:stream';
import type { TLSSocket } from 'node:tls';
import { type Clock, systemClock } from '@berth/kit';
import { joinSockets } from './tls-connection.ts';

/** What an answer's head may have: more is no server's way to say that it changes its protocol. */
const mostHeadBytes = 64 * 1024;
/** How long a server may think about it. */
const headMs = 30_000;
/** How long a refusal may take to come (UpgradeAwareHandler's deadline). */
const refusalMs = 10_000;
const headEnd = Buffer.from('\r\n\r\n');

export interface Upgrading {
  /** Who asked. */
  readonly near: Duplex;
  /** What they sent behind their request. */
  readonly head: Buffer;
  /** Who was asked, in our name. */
  readonly far: TLSSocket;
  readonly clock?: Clock;
}

/**
 * Joins two connections once the far side has changed its protocol. Before that nothing of the near side goes to it: whoever
 * refuses would take it for the next request, and us for whom it is from (CVE-2018-1002105). A refusal is passed on.
 * @throws Error – the far side does neither; nothing was written.
 */
export async function joinUpgraded(
  { near, head, far, clock = systemClock }: Upgrading,
  signal: AbortSignal,
): Promise<void> {
  let answer: Answer;
  try {
    answer = await answerOf(far, clock, signal);
    if (answer.status !== 101 && answer.status < 400)
      throw new Error(`invalid upgrade response: status code ${answer.status}`);
  } catch (error) {
    far.destroy();
    throw error;
  }
  near.write(answer.bytes);
  if (answer.status !== 101) return await passRefusal({ near, far, clock }, signal);
  if (head.length > 0) far.write(head);
  await joinSockets(near, far, signal);
}

interface Answer {
  readonly status: number;
  /** All that has come by then. */
  readonly bytes: Buffer;
}

/** How the server begins its answer. @throws Error – it is none, or does not come. */
function answerOf(far: TLSSocket, clock: Clock, signal: AbortSignal): Promise<Answer> {
  return new Promise((resolve, reject) => {
    let bytes = Buffer.alloc(0);
    const settle = () => {
      timer[Symbol.dispose]();
      signal.removeEventListener('abort', ended);
      far.off('data', take).off('error', failed).off('close', ended);
      far.pause();
    };
    const failed = (error: unknown) => {
      settle();
      reject(error as Error);
    };
    const ended = () => failed(signal.aborted ? signal.reason : new Error('EOF'));
    const timer = clock.schedule(headMs, () => failed(new Error('context deadline exceeded')));
    const take = (chunk: Buffer) => {
      bytes = Buffer.concat([bytes, chunk]);
      const isWhole = bytes.includes(headEnd);
      if (!isWhole && bytes.length <= mostHeadBytes) return;
      const status = /^HTTP\/1\.[01] (\d{3})/.exec(bytes.toString('latin1', 0, 16))?.[1];
      if (!isWhole || status === undefined) return failed(new Error('malformed HTTP response'));
      settle();
      resolve({ status: Number(status), bytes });
    };
    far.on('data', take).once('error', failed).once('close', ended);
    signal.addEventListener('abort', ended, { once: true });
    if (signal.aborted) ended();
  });
}

/** What is left of a refusal, as far as it comes soon. */
function passRefusal(
  { near, far, clock }: { readonly near: Duplex; readonly far: TLSSocket; readonly clock: Clock },
  signal: AbortSignal,
): Promise<void> {
  return new Promise((resolve) => {
    const end = () => {
      timer[Symbol.dispose]();
      signal.removeEventListener('abort', end);
      far.destroy();
      near.end();
      resolve();
    };
    const timer = clock.schedule(refusalMs, end);
    signal.addEventListener('abort', end, { once: true });
    far.once('end', end).once('close', end);
    near.once('close', end);
    far.pipe(near, { end: false });
    if (signal.aborted) end();
  });
}
