import { apiError } from '@berth/kube';

/** An int64 of the query. @throws ApiError BadRequest – in the words of Go's strconv. */
export function integerOf(query: URLSearchParams, name: string): number | undefined {
  const text = query.get(name);
  if (text === null || text === '') return undefined;
  if (!/^[+-]?\d+$/.test(text))
    throw apiError('BadRequest', `strconv.ParseInt: parsing ${JSON.stringify(text)}: invalid syntax`);
  const value = Number(text);
  if (!Number.isSafeInteger(value))
    throw apiError('BadRequest', `strconv.ParseInt: parsing ${JSON.stringify(text)}: value out of range`);
  return value;
}

/** As upstream reads booleans: `false` and `0` are false, anything else present is true. */
export function booleanOf(query: URLSearchParams, name: string): boolean | undefined {
  const text = query.get(name);
  return text === null ? undefined : text.toLowerCase() !== 'false' && text !== '0';
}

/** A revision a client names; undefined where it names none. @throws ApiError – with upstream's code 500. */
export function revisionOf(text: string | null | undefined): number | undefined {
  if (text === null || text === undefined || text === '') return undefined;
  const value = Number(text);
  if (/^\d+$/.test(text) && Number.isSafeInteger(value)) return value;
  const message = `resourceVersion: Invalid value: ${JSON.stringify(text)}: strconv.ParseUint: parsing ${JSON.stringify(text)}: invalid syntax`;
  throw apiError('Unknown', message, { code: 500 });
}
