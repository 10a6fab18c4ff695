import { posix } from 'node:path';
import { durationText } from '../go-duration.ts';
import { answerWords, mayPass } from './answer-words.ts';
import { CallError } from './call-error.ts';
import type { HttpsCall, HttpsCaller } from './https-caller.ts';
import { readAnswer } from './read-answer.ts';

export interface ReviewPost extends Pick<HttpsCall, 'target' | 'timeoutMs' | 'isClientLimit'> {
  /** Sent as JSON. */
  readonly review: object;
}

/** client-go's. */
const mostRetries = 10;

/** The answered value. @throws CallError – no answer, none in time, none of success, or none that is JSON or YAML; words as client-go's. */
export async function postReview(
  caller: Pick<HttpsCaller, 'call'>,
  { review, ...call }: ReviewPost,
  signal: AbortSignal,
): Promise<unknown> {
  const body = JSON.stringify(review);
  const answer = await caller.call({ ...call, method: 'POST', body, mostRetries }, signal);
  const { status, headers } = answer;
  if (status < 200 || status > 206)
    throw new CallError(answerWords(status, answer.body, headers['content-type']), {
      status,
      mayPass: mayPass(status, answer.body, headers['retry-after']),
    });
  if (answer.body.length === 0) {
    const type = headers['content-type'] ?? 'application/json';
    throw new CallError(`0-length response with status code: ${status} and content type: ${type}`);
  }
  return await readAnswer(answer.body, signal);
}

/** What client-go asks for (rest.Request): one slash before each part and none after the last, and how long it waits in the query. */
export function askedPath(path: string, timeoutMs: number): string {
  const whole = posix.join('/', path);
  const cleaned = whole.length > 1 && whole.endsWith('/') ? whole.slice(0, -1) : whole;
  return `${cleaned}?timeout=${durationText(timeoutMs)}`;
}
