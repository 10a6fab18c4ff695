import type { FieldSchema } from './schema.ts';

/** A body that cannot be read as its kind; the message has the words Go's decoder has. */
export class DecodeError extends Error {
  override readonly name = 'DecodeError';
}

/** What Go calls a JSON value in its errors. */
export function goValueName(value: unknown): string {
  if (Array.isArray(value)) return 'array';
  if (typeof value === 'boolean') return 'bool';
  return typeof value === 'bigint' ? 'number' : typeof value;
}

/** Go's words for a value that does not fit where it is read: `value of type string`, or `struct field T.f of type string`. */
export function unmarshalProblem(value: unknown, target: string): string {
  return `json: cannot unmarshal ${goValueName(value)} into Go ${target}`;
}

/** How Go prints the type of a field that has no name of its own; goFieldAt knows those. */
export function goTypeName(field: FieldSchema): string {
  switch (field.type) {
    case 'struct':
      return field.struct?.goType ?? 'struct';
    case 'list':
      return `[]${goTypeName(field.element as FieldSchema)}`;
    case 'map':
      return field.element?.type === 'quantity'
        ? 'v1.ResourceList'
        : `map[string]${goTypeName(field.element as FieldSchema)}`;
    case 'boolean':
      return 'bool';
    case 'double':
      return 'float64';
    case 'bytes':
      return '[]uint8';
    case 'time':
      return 'v1.Time';
    case 'microTime':
      return 'v1.MicroTime';
    case 'quantity':
      return 'resource.Quantity';
    case 'intOrString':
      return 'intstr.IntOrString';
    default:
      return field.type;
  }
}

/** What is wrong with standard base64 as Go reads it: line breaks are skipped, anything else wrong is an error. */
export function base64Problem(text: string): string | undefined {
  const bad = /[^A-Za-z0-9+/=\r\n]/.exec(text);
  const padding = /=/.exec(text);
  const first = Math.min(bad?.index ?? Number.POSITIVE_INFINITY, padding?.index ?? Number.POSITIVE_INFINITY);
  if (bad && bad.index === first) return illegal(bad.index);
  const left = text.slice(0, padding?.index).replace(/[\r\n]/g, '').length % 4;
  if (padding) return paddingProblem(text, padding.index, left);
  // Told is where the four begin that are not whole.
  return left === 0 ? undefined : illegal(text.length - left);
}

const illegal = (at: number) => `illegal base64 data at input byte ${at}`;

/** `left`: how many digits of the last four are there. */
function paddingProblem(text: string, first: number, left: number): string | undefined {
  if (left < 2) return illegal(first);
  let at = afterBreaks(text, first + 1);
  if (left === 2) {
    if (at === text.length) return illegal(at);
    if (text[at] !== '=') return illegal(at - 1);
    at = afterBreaks(text, at + 1);
  }
  return at < text.length ? illegal(at) : undefined;
}

function afterBreaks(text: string, from: number): number {
  let at = from;
  while (text[at] === '\n' || text[at] === '\r') at++;
  return at;
}

const layout = ['2006', '-', '01', '-', '02', 'T', '15', ':', '04', ':', '05'] as const;
const ranges: Readonly<Record<string, readonly [string, number, number]>> = {
  '01': ['month', 1, 12],
  '15': ['hour', 0, 23],
  '04': ['minute', 0, 59],
  '05': ['second', 0, 59],
};

/** As the server itself writes times. */
const wholeSecondsUtc = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/;

/**
 * Milliseconds and left-over microseconds of an RFC 3339 time; `micro`: of one that has six digits after the second.
 * @throws DecodeError – in the words of Go's time.Parse
 */
export function parseTime(text: string, micro = false): { epochMs: number; micros: number } {
  if (!micro && wholeSecondsUtc.test(text)) {
    const epochMs = Date.parse(text);
    // A day that a month has not, and 24:00, are read as another day.
    if (new Date(epochMs).getUTCDate() === Number(text.slice(8, 10))) return { epochMs, micros: 0 };
  }
  const wrong = (rest: string, piece: string) => timeError(text, rest, { piece, micro });
  const outOfRange = (what: string) => new DecodeError(`parsing time ${quoted(text)}: ${what} out of range`);
  let rest = text;
  const read: string[] = [];
  for (const piece of layout) {
    const isNumber = /^\d/.test(piece);
    // An hour may have one digit.
    const length = piece === '15' && /^\d(?!\d)/.test(rest) ? 1 : piece.length;
    const part = rest.slice(0, length);
    const fits = isNumber ? new RegExp(`^\\d{${length}}$`).test(part) : part === piece;
    if (!fits) throw wrong(rest, piece);
    const range = ranges[piece];
    if (range && (Number(part) < range[1] || Number(part) > range[2])) throw outOfRange(range[0]);
    rest = rest.slice(length);
    read.push(part.padStart(piece.length, '0'));
  }
  const fraction = (micro ? /^[.,](\d{6})/ : /^[.,](\d+)/).exec(rest);
  if (micro && !fraction) throw wrong(rest, '.000000');
  if (fraction) rest = rest.slice(fraction[0].length);
  const zone = /^(?:Z|([+-])(\d\d):(\d\d))/.exec(rest);
  if (!zone) throw wrong(rest, 'Z07:00');
  const [sign, hours, minutes] = [zone[1] === '-' ? -1 : 1, Number(zone[2] ?? 0), Number(zone[3] ?? 0)];
  if (hours > 24) throw outOfRange('time zone offset hour');
  if (minutes > 60) throw outOfRange('time zone offset minute');
  const extra = rest.slice(zone[0].length);
  if (extra !== '') throw new DecodeError(`parsing time ${quoted(text)}: extra text: ${quoted(extra)}`);
  const [year, month, day] = text.slice(0, 10).split('-').map(Number) as [number, number, number];
  if (day < 1 || day > daysOf(year, month)) throw outOfRange('day');
  const epochMs = Date.parse(`${read.join('')}Z`) - sign * (hours * 60 + minutes) * 60_000;
  return { epochMs, micros: Number((fraction?.[1] ?? '').slice(0, 6).padEnd(6, '0')) };
}

/** As Go's package time quotes: what is not ASCII, or steers a terminal, by its bytes. */
function quoted(text: string): string {
  const bytes = (character: string) =>
    [...Buffer.from(character)].map((byte) => `\\x${byte.toString(16).padStart(2, '0')}`).join('');
  return `"${text.replace(/["\\]/g, '\\$&').replace(/[^ -\x7f]/gu, bytes)}"`;
}

/** Date.UTC has years before 100 for ones of the last century. */
function daysOf(year: number, month: number): number {
  return new Date(Date.UTC(year + 400, month, 0)).getUTCDate();
}

function timeError(text: string, rest: string, { piece, micro }: { piece: string; micro: boolean }): DecodeError {
  const [shown, left] = [quoted(text), quoted(rest)];
  const whole = `2006-01-02T15:04:05${micro ? '.000000' : ''}Z07:00`;
  return new DecodeError(`parsing time ${shown} as "${whole}": cannot parse ${left} as "${piece}"`);
}
