import { ApiError, apiError, goQuote } from '@berth/kube';
import type { ServerRequest } from './server-request.ts';

/** Without what a browser might take for a tag. */
export function withoutTags(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}

/** What is told in words alone, not as a Status: that the server cannot tell whether it should answer (apiserver responsewriters InternalError). */
export class InternalError extends ApiError {
  readonly text: string;

  constructor(uri: string, why: string) {
    const text = withoutTags(`Internal Server Error: ${goQuote(uri)}: ${why}`);
    super(apiError('InternalError', text).status);
    this.text = `${text}\n`;
  }
}

/** What a request asked for, as it came. */
export function uriOf({ wire, path }: ServerRequest): string {
  return wire?.message.url ?? path;
}
