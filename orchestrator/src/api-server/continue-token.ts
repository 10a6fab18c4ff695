import { posix } from 'node:path';
import { type Integer, isInteger, isNumber } from '@berth/kit';
import { apiError, goValueName, isRecord, parseJson } from '@berth/kube';

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

/** @throws ApiError BadRequest – it is none (apiserver storage/continue.go). */
export function decodeContinue(text: string): ContinueToken {
  // The last of five signs is of no byte.
  const wrong = /[^A-Za-z0-9_-]/.exec(text)?.index ?? (text.length % 4 === 1 ? text.length - 1 : undefined);
  if (wrong !== undefined) throw invalidToken(`illegal base64 data at input byte ${wrong}`);
  const { v = '', rv = 0, start = '' } = tokenOf(Buffer.from(text, 'base64url'));
  if (v !== 'meta.k8s.io/v1') throw invalidToken(`server does not recognize this encoded version ${v}`);
  if (rv === 0) throw invalidToken('incorrect encoded start resourceVersion (version meta.k8s.io/v1)');
  if (start === '') throw invalidToken('encoded start key empty (version meta.k8s.io/v1)');
  const key = start.startsWith('/') ? start : `/${start}`;
  // Nothing above the list's own prefix.
  if (posix.join(key, '.') !== key) throw invalidToken(start);
  return { revision: rv, after: key.slice(1).replace(/\0$/, '') };
}

const fields = { v: 'string', rv: 'int64', start: 'string' } as const;

/** @throws ApiError BadRequest – in the words of Go's encoding/json. */
function tokenOf(bytes: Buffer): { readonly v?: string; readonly rv?: number; readonly start?: string } {
  const [first = 0] = bytes;
  // A byte that need not be one of UTF-8.
  if (first > 127)
    throw invalidToken(`invalid character '${String.fromCharCode(first)}' looking for beginning of value`);
  let value: unknown;
  try {
    value = parseJson(bytes.toString()) ?? {};
  } catch (error) {
    throw invalidToken((error as Error).message);
  }
  const unlike = (name: string, where: string, type: string) =>
    invalidToken(`json: cannot unmarshal ${name} into Go ${where} of type ${type}`);
  if (!isRecord(value)) throw unlike(goValueName(value), 'value', 'storage.continueToken');
  for (const [name, type] of Object.entries(fields)) {
    const given = value[name] ?? undefined;
    if (given === undefined || (type === 'int64' ? isInteger(given) : typeof given === type)) continue;
    const shown = type === 'int64' && isNumber(given) ? `number ${given}` : goValueName(given);
    throw unlike(shown, `struct field continueToken.${name}`, type);
  }
  const { v, rv, start } = value as { v?: string | null; rv?: Integer | null; start?: string | null };
  return { ...(v && { v }), ...(rv && { rv: Number(rv) }), ...(start && { start }) };
}

function invalidToken(why: string) {
  return apiError('BadRequest', `invalid continue token: continue key is not valid: ${why}`);
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
