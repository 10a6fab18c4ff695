import { goQuote } from '@berth/kube';

/** What is wrong with a format or with what is put into it, in cel-go's words. */
export class FormatError extends Error {}

export interface Clause {
  readonly verb: string;
  /** Which argument it shows. */
  readonly index: number;
  /** Undefined where it is not told. */
  readonly precision: number | undefined;
}

export interface ClauseReader {
  /** How many arguments there are. */
  readonly count: number;
  /** An argument is asked for before its clause is read. @throws FormatError */
  request?(index: number): void;
  /** @throws FormatError */
  show(clause: Clause): string;
}

const verbs = new Set('sdfebxXo');
const maxInt = 9_223_372_036_854_775_807n;

/** Goes over the format of `string.format` as cel-go does. @throws FormatError */
export function fillFormat(text: string, { count, request, show }: ClauseReader): string {
  let filled = '';
  let index = 0;
  for (let at = 0; at < text.length; ) {
    const mark = text.indexOf('%', at);
    if (mark < 0) return filled + text.slice(at);
    filled += text.slice(at, mark);
    at = mark + 1;
    if (text[at] === '%') {
      filled += '%';
      at++;
      continue;
    }
    request?.(index);
    if (at === text.length) throw new FormatError('unexpected end of string');
    if (index >= count) throw outOfRange(index);
    const { precision, end } = readPrecision(text, at);
    const verb = text[end] as string;
    if (!verbs.has(verb)) throw unreadable(`unrecognized formatting clause "${firstByte(text.slice(end, end + 2))}"`);
    filled += show({ verb, index: index++, precision });
    at = end + 1;
  }
  return filled;
}

export function outOfRange(index: number): FormatError {
  return new FormatError(`index ${index} out of range`);
}

function unreadable(why: string): FormatError {
  return new FormatError(`could not parse formatting clause: ${why}`);
}

function readPrecision(text: string, at: number): { readonly precision: number | undefined; readonly end: number } {
  if (text[at] !== '.') return { precision: undefined, end: at };
  const digits = /^\d*/.exec(text.slice(at + 1))?.[0] ?? '';
  const end = at + 1 + digits.length;
  const wrong = (why: string) => unreadable(`error while parsing precision: ${why}`);
  if (end === text.length) throw wrong('could not find end of precision specifier');
  const number = (why: string) =>
    wrong(`error while converting precision to integer: strconv.Atoi: parsing ${goQuote(digits)}: ${why}`);
  if (digits === '') throw number('invalid syntax');
  if (digits.length > 1000 || BigInt(digits) > maxInt) throw number('value out of range');
  return { precision: Number(digits), end };
}

/** cel-go takes each byte for a character. */
function firstByte(text: string): string {
  return String.fromCharCode(Buffer.from(text)[0] as number);
}
