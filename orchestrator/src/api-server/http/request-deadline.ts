import { ApiError, apiError } from '@berth/kube';
import { durationComplaint, durationMs } from '../go-duration.ts';

/**
 * How long a request may take: what the server allows, or less where `?timeout=` says so
 * (apiserver filters WithRequestDeadline).
 * @throws ApiError BadRequest – the timeout is none.
 */
export function timeoutOf(query: URLSearchParams, mostMs: number): number {
  const text = query.get('timeout');
  if (text === null || text === '') return mostMs;
  const asked = durationMs(text);
  if (asked === undefined)
    throw apiError('BadRequest', `invalid timeout specified in the request URL - ${durationComplaint(text)}`);
  return asked > 0 && asked < mostMs ? asked : mostMs;
}

const words = 'Timeout: request did not complete within the allotted timeout';

/** What a request gets whose time is over: a Status that does not say so, in words alone (apiserver filters/timeout). */
export class TimedOut extends ApiError {
  constructor() {
    super(apiError('Timeout', words, { details: {} }).status);
  }

  get text(): string {
    const { kind: _, apiVersion: _version, ...rest } = this.status;
    return `${JSON.stringify(rest)}\n`;
  }
}
