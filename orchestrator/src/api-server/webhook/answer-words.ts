import { isRecord, parseJson } from '@berth/kube';

const fixed: Readonly<Record<number, string>> = {
  400: 'the server rejected our request for an unknown reason',
  401: 'the server has asked for the client to provide credentials',
  404: 'the server could not find the requested resource',
  405: 'the server does not allow this method on the requested resource',
  409: 'the server reported a conflict',
  422: 'the server rejected our request due to an error in our request',
  429: 'the server has received too many requests and has asked us to try again later',
  503: 'the server is currently unable to handle the request',
  504: 'the server was unable to return a response in the time allotted, but may still be processing the request',
};

/** Upstream quotes no more of an answer than this. */
const maxQuotedBytes = 2048;

/** What client-go says of an answer that is no success (apimachinery NewGenericServerResponse). */
export function answerWords(status: number, body: Uint8Array, contentType: string | undefined): string {
  const told = statusMessage(body);
  if (told !== undefined) return told;
  const known = fixed[status];
  if (known !== undefined) return known;
  const isText = contentType === undefined || contentType.startsWith('text/');
  const said = isText ? Buffer.from(body.subarray(0, maxQuotedBytes)).toString().trim() : 'unknown';
  if (status === 403 || status === 415) return said;
  if (status === 406)
    return said === '' || said === 'unknown'
      ? 'the server was unable to respond with a content type that the client supports'
      : said;
  if (status >= 500)
    return `an error on the server (${JSON.stringify(said)}) has prevented the request from succeeding`;
  return `the server responded with the status code ${status} but did not return more information`;
}

/**
 * Whether it may be right the next time, by what is no success: the reason that the answer tells, else its status; or it says when
 * (apiserver util/webhook DefaultShouldRetry).
 */
export function mayPass(status: number, body: Uint8Array, retryAfter: string | undefined): boolean {
  const { reason = '', code = status, details } = failureOf(body) ?? { details: { retryAfterSeconds: retryAfter } };
  if (code === 429 || passing.has(reason) || (reason === '' && (code === 500 || code === 504))) return true;
  return isRecord(details) && (reason === 'ServerTimeout' || Number(details['retryAfterSeconds']) > 0);
}

const passing: ReadonlySet<unknown> = new Set(['InternalError', 'Timeout', 'TooManyRequests']);

function statusMessage(body: Uint8Array): string | undefined {
  const message = failureOf(body)?.['message'];
  return typeof message === 'string' ? message : undefined;
}

/** A server that answers as Kubernetes' do says itself what is wrong (client-go Result.Error). */
function failureOf(body: Uint8Array): Record<string, unknown> | undefined {
  if (body[0] !== openBrace) return undefined;
  try {
    const value = parseJson(Buffer.from(body).toString());
    if (!isRecord(value) || value['kind'] !== 'Status' || (value['apiVersion'] ?? 'v1') !== 'v1') return undefined;
    return value['status'] === 'Failure' ? value : undefined;
  } catch {
    return undefined;
  }
}

const openBrace = 0x7b;
