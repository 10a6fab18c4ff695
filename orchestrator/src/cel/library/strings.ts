import { goEscapes, goTrim } from '@berth/kube';
import { declare, type FunctionDeclaration } from '../language/declarations.ts';
import { CelError } from '../values/cel-error.ts';
import { ArrayList, type CelList } from '../values/cel-list.ts';
import { formatValue } from '../values/format-value.ts';
import { codePoints } from '../values/size.ts';
import type { Result, Value } from '../values/value.ts';
import { formatString } from './string-format.ts';

const outOfRange = (index: bigint) => new CelError(`index out of range: ${index}`);

/** Where a code point begins in JavaScript's string; the same place where there is none beyond 16 bits. */
function unitAt(text: string, index: number): number {
  if (codePoints(text) === text.length) return index;
  let at = 0;
  for (let i = 0; i < index; i++) at += (text.codePointAt(at) as number) > 0xffff ? 2 : 1;
  return at;
}

function charAt(text: Value, at: Value): Result {
  const index = at as bigint;
  if (index < 0n || index > BigInt(codePoints(text as string))) return outOfRange(index);
  const start = unitAt(text as string, Number(index));
  const code = (text as string).codePointAt(start);
  return code === undefined ? '' : String.fromCodePoint(code);
}

function indexOf(text: Value, part: Value, from: Value = 0n): Result {
  const [whole, sought, offset] = [text as string, part as string, from as bigint];
  if (sought === '') return offset;
  if (offset < 0n) return outOfRange(offset);
  if (offset >= BigInt(codePoints(whole))) return -1n;
  const found = whole.indexOf(sought, unitAt(whole, Number(offset)));
  return found < 0 ? -1n : BigInt(codePoints(whole.slice(0, found)));
}

function lastIndexOf(text: Value, part: Value): Result {
  const [whole, sought] = [text as string, part as string];
  const size = BigInt(codePoints(whole));
  if (sought === '') return size;
  if (whole.length < sought.length) return -1n;
  return lastIndexFrom(whole, sought, size - 1n);
}

function lastIndexFrom(text: Value, part: Value, from: Value): Result {
  const [whole, sought, offset] = [text as string, part as string, from as bigint];
  if (sought === '') return offset;
  if (offset < 0n) return outOfRange(offset);
  if (offset >= BigInt(codePoints(whole))) return -1n;
  const found = whole.lastIndexOf(sought, unitAt(whole, Number(offset)));
  return found < 0 ? -1n : BigInt(codePoints(whole.slice(0, found)));
}

function replace(text: Value, old: Value, next: Value, limit: Value = -1n): Result {
  const [whole, from, to, most] = [text as string, old as string, next as string, limit as bigint];
  const size = whole.length + (whole.length + 1) * to.length;
  if (size > maxLength && from === '') return new CelError('operation cancelled: the string would be too long');
  const count = most < 0n ? Number.POSITIVE_INFINITY : Number(most);
  if (from === '') return between(whole, to, count);
  const parts = whole.split(from);
  if (parts.length * to.length > maxLength) return new CelError('operation cancelled: the string would be too long');
  if (count >= parts.length) return parts.join(to);
  const kept = parts.slice(0, count + 1);
  return (
    kept.join(to) +
    parts
      .slice(count + 1)
      .map((part) => from + part)
      .join('')
  );
}

/** Longer than any budget could pay for, and short enough for memory. */
const maxLength = 64 * 1024 * 1024;

/** Go puts it before each character and at the end. */
function between(text: string, separator: string, count: number): string {
  const characters = [...text];
  let left = count;
  let made = '';
  for (const character of characters) made += left-- > 0 ? separator + character : character;
  return left > 0 ? made + separator : made;
}

function split(text: Value, separator: Value, limit: Value = -1n): Result {
  const count = Number(limit as bigint);
  if (count === 0) return new ArrayList([]);
  const parts = separator === '' ? [...(text as string)] : (text as string).split(separator as string);
  if (count < 0 || parts.length <= count) return new ArrayList(parts);
  return new ArrayList([...parts.slice(0, count - 1), parts.slice(count - 1).join(separator as string)]);
}

function substring(text: Value, from: Value, to?: Value): Result {
  const size = BigInt(codePoints(text as string));
  const [start, end] = [from as bigint, (to ?? size) as bigint];
  if (to !== undefined && start > end) return new CelError(`invalid substring range. start: ${start}, end: ${end}`);
  if (start < 0n || start > size) return outOfRange(start);
  if (end < 0n || end > size) return outOfRange(end);
  return (text as string).slice(unitAt(text as string, Number(start)), unitAt(text as string, Number(end)));
}

function quote(text: Value): Result {
  return `"${(text as string).toWellFormed().replace(/[\x07\b\f\n\r\t\v\\"]/g, (character) => goEscapes[character] as string)}"`;
}

function join(list: Value, separator: Value = ''): Result {
  const parts: string[] = [];
  for (const item of list as CelList) {
    if (typeof item !== 'string') return new CelError(`join: invalid input: ${formatValue(item)}`);
    parts.push(item);
  }
  return parts.join(separator as string);
}

const first = (run: (text: Value) => Result) => (text: Value) => run(text);

/** cel-go's extension of strings, version 2. */
export const strings: readonly FunctionDeclaration[] = [
  declare('charAt', { string_char_at_int: ['string.(int): string', charAt] }),
  declare('indexOf', {
    string_index_of_string: ['string.(string): int', (text, part) => indexOf(text as Value, part as Value)],
    string_index_of_string_int: ['string.(string, int): int', indexOf],
  }),
  declare('lastIndexOf', {
    string_last_index_of_string: ['string.(string): int', lastIndexOf],
    string_last_index_of_string_int: ['string.(string, int): int', lastIndexFrom],
  }),
  declare('lowerAscii', {
    string_lower_ascii: [
      'string.(): string',
      (text) => (text as string).replace(/[A-Z]+/g, (part) => part.toLowerCase()),
    ],
  }),
  declare('upperAscii', {
    string_upper_ascii: [
      'string.(): string',
      (text) => (text as string).replace(/[a-z]+/g, (part) => part.toUpperCase()),
    ],
  }),
  declare('replace', {
    string_replace_string_string: [
      'string.(string, string): string',
      (text, old, next) => replace(text as Value, old as Value, next as Value),
    ],
    string_replace_string_string_int: ['string.(string, string, int): string', replace],
  }),
  declare('split', {
    string_split_string: [
      'string.(string): list(string)',
      (text, separator) => split(text as Value, separator as Value),
    ],
    string_split_string_int: ['string.(string, int): list(string)', split],
  }),
  declare('substring', {
    string_substring_int: ['string.(int): string', (text, from) => substring(text as Value, from as Value)],
    string_substring_int_int: ['string.(int, int): string', substring],
  }),
  declare('trim', { string_trim: ['string.(): string', (text) => goTrim(text as string)] }),
  declare('format', { string_format: ['string.(list(dyn)): string', formatString] }),
  declare('strings.quote', { strings_quote: ['(string): string', quote] }),
  declare('join', {
    list_join: ['list(string).(): string', first(join)],
    list_join_string: ['list(string).(string): string', join],
  }),
];
