import { apiError, asInt64, goQuote } from '@berth/kube';

/** An int64 of the query, as near to it as a number is exact. @throws ApiError BadRequest – in the words of Go's strconv. */
export function integerOf(query: URLSearchParams, name: string): number | undefined {
  const text = query.get(name);
  if (text === null) return undefined;
  const problem = int64Problem(text);
  if (problem !== undefined) throw apiError('BadRequest', problem);
  const value = Number(text);
  if (Number.isSafeInteger(value)) return value;
  return value < 0 ? Number.MIN_SAFE_INTEGER : Number.MAX_SAFE_INTEGER;
}

/** Why a text is no integer of 64 bits, in the words of Go's strconv. */
export function int64Problem(text: string): string | undefined {
  if (!/^[+-]?\d+$/.test(text)) return `strconv.ParseInt: parsing ${goQuote(text)}: invalid syntax`;
  return asInt64(text) === undefined ? `strconv.ParseInt: parsing ${goQuote(text)}: value out of range` : undefined;
}

/** As upstream reads booleans: `false` and `0` are false, anything else present is true. */
export function booleanOf(query: URLSearchParams, name: string): boolean | undefined {
  const text = query.get(name);
  return text === null ? undefined : text.toLowerCase() !== 'false' && text !== '0';
}

/** A revision a client names, the last that a store may have where it is later; undefined where it names none. @throws ApiError – with upstream's code 500. */
export function revisionOf(text: string | null | undefined): number | undefined {
  if (text === null || text === undefined || text === '') return undefined;
  const problem = revisionProblem(text);
  if (problem === undefined) return Math.min(Number(text), Number.MAX_SAFE_INTEGER);
  const message = `resourceVersion: Invalid value: ${goQuote(text)}: ${problem}`;
  throw apiError('Unknown', message, { code: 500 });
}

/** Why Go reads no revision from what an object says its revision is (strconv.ParseUint). */
export function revisionProblem(text: string): string | undefined {
  if (!/^\d+$/.test(text)) return notParsed(text, 'invalid syntax');
  const digits = text.replace(/^0+/, '');
  const isSmall = digits.length < 20 || (digits.length === 20 && BigInt(digits) < 2n ** 64n);
  return isSmall ? undefined : notParsed(text, 'value out of range');
}

/** The ports of a port-forward, repeated or listed (apimachinery Convert_Slice_string_To_Slice_int32). @throws ApiError BadRequest */
export function portsOf(query: URLSearchParams): number[] {
  const texts = query.getAll('ports').flatMap((text) => text.split(','));
  return texts.map((text) => {
    const isNumber = /^\d+$/.test(text);
    if (isNumber && Number(text) < 2 ** 16) return Number(text);
    const why = notParsed(text, isNumber ? 'value out of range' : 'invalid syntax');
    throw apiError('BadRequest', `cannot convert to []int32: ${why}`);
  });
}

function notParsed(text: string, why: string): string {
  return `strconv.ParseUint: parsing ${goQuote(text)}: ${why}`;
}
