import { apiError } from '@berth/kube';

/** Where a page ended: the revision of the whole list (-1: whatever is newest) and the last key of the page. */
export interface ContinueToken {
  readonly revision: number;
  /** Relative to the list's prefix. */
  readonly after: string;
}

/** Upstream's own form, so that tokens look familiar: unpadded base64url of `{"v":"meta.k8s.io/v1","rv":7,"start":"key\u0000"}`. */
export function encodeContinue({ revision, after }: ContinueToken): string {
  const json = JSON.stringify({ v: 'meta.k8s.io/v1', rv: revision, start: `/${after}\0` });
  return Buffer.from(json).toString('base64url');
}

/** @throws ApiError BadRequest – it is not one of ours. */
export function decodeContinue(text: string): ContinueToken {
  const bytes = Buffer.from(text, 'base64url');
  const wrong = /[^A-Za-z0-9_-]/.exec(text);
  if (wrong) throw invalidToken(`illegal base64 data at input byte ${wrong.index}`);
  let parsed: { v?: unknown; rv?: unknown; start?: unknown };
  try {
    parsed = JSON.parse(bytes.toString());
  } catch {
    throw invalidToken(jsonProblem(bytes));
  }
  if (parsed?.v !== 'meta.k8s.io/v1')
    throw invalidToken(`server does not recognize this encoded version ${parsed?.v ?? ''}`);
  const { rv, start } = parsed;
  if (typeof rv !== 'number' || !Number.isSafeInteger(rv) || rv === 0)
    throw invalidToken('incorrect encoded start resourceVersion (version meta.k8s.io/v1)');
  if (typeof start !== 'string' || !start.startsWith('/') || start.split('/').includes('..'))
    throw invalidToken(`${start}`);
  return { revision: rv, after: start.slice(1).replace(/\0$/, '') };
}

function invalidToken(why: string) {
  return apiError('BadRequest', `invalid continue token: continue key is not valid: ${why}`);
}

/** Go's words for the first byte that can't begin JSON. */
function jsonProblem(bytes: Buffer): string {
  const first = bytes[0];
  if (first === undefined) return 'unexpected end of JSON input';
  return `invalid character '${String.fromCodePoint(first)}' looking for beginning of value`;
}

/** The page's revision is gone; the token inside goes on from the same key at the newest one (upstream's words). */
export function expiredContinue(after: string) {
  const token = encodeContinue({ revision: -1, after });
  const error = apiError(
    'Expired',
    'The provided continue parameter is too old to display a consistent list result. You can start a new list without the continue parameter, or use the continue token in this response to retrieve the remainder of the results. Continuing with the provided token results in an inconsistent list - objects that were created, modified, or deleted between the time the first chunk was returned and now may show up in the list.',
  );
  (error.status.metadata as { continue?: string }).continue = token;
  return error;
}
