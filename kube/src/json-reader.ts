import { type Integer, numberOf } from '@berth/kit';
import { DecodeError } from './go-json.ts';
import { goQuote } from './go-quote.ts';
import { JsonNotes } from './json-notes.ts';
import { isHolder, joinPath, setOwn } from './json-value.ts';

const maxDuplicates = 100;

/** A string without escapes, which most are; what is between two escapes; and a number. Sticky: they match where the reader stands. */
const plainString = /"[^"\\\x00-\x1f]*"/y;
const plainPart = /[^"\\\x00-\x1f]*/y;
const number = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][-+]?\d+)?/y;

const floatSign = /[.eE]/;

/** A number of no more digits is what it was written as. */
const exactDigits = 15;

/** Reads JSON with Go's words for errors, noting fields that occur twice in an object, and what they were (JsonNotes). */
export function readJson(
  text: string,
  tellBeyond?: TellBeyond,
): { value: unknown; duplicateFields: readonly string[] } {
  const reader = new JsonReader(text);
  const value = reader.document();
  if (reader.beyond && !tellBeyond) throw reader.beyond;
  if (reader.beyond) tellBeyond?.(reader.beyond);
  return { value, duplicateFields: reader.duplicates };
}

/** Hears of a number that is beyond every float, which is refused where nobody does: what is read as a kind is told by its field. */
export type TellBeyond = (error: DecodeError) => void;

/** Tells each field of a JSON document that was read before, in its order and as often as it is given. */
export function forEachField(text: string, tell: (path: string) => void): void {
  new JsonReader(text, tell).document();
}

function isHexDigit(code: number): boolean {
  return (code >= 48 && code <= 57) || (code >= 65 && code <= 70) || (code >= 97 && code <= 102);
}

type Holder = Record<string, unknown> | unknown[];

class JsonReader {
  readonly duplicates: string[] = [];
  /** Of the first number that no float holds: told once all of the text is JSON, as by Go. */
  beyond: DecodeError | undefined;
  readonly #text: string;
  readonly #path: (string | number)[] = [];
  readonly #tell: ((path: string) => void) | undefined;
  #at = 0;
  /** The number that was read last, if it is written as Go writes no integer. */
  #float: string | undefined;

  constructor(text: string, tell?: (path: string) => void) {
    this.#text = text;
    this.#tell = tell;
  }

  document(): unknown {
    const value = this.#read();
    this.#space();
    if (this.#at < this.#text.length) throw this.#unexpected('after top-level value');
    return value;
  }

  /** Without recursion: a document may nest deeper than the stack of a thread holds calls. */
  #read(): unknown {
    const open: Holder[] = [];
    while (true) {
      let value = this.#begin();
      if (isHolder(value) && !this.#isEmpty(value)) {
        open.push(value);
        this.#beginMember(value);
        continue;
      }
      // What ends with this value, up to the holder that goes on.
      for (let holder = open.at(-1); !this.#goesOn(holder, value); holder = open.at(-1)) {
        if (!holder) return value;
        value = open.pop();
      }
    }
  }

  /** A value without parts, or a holder that has none yet. */
  #begin(): unknown {
    this.#space();
    switch (this.#text[this.#at]) {
      case '{':
        this.#at++;
        return {};
      case '[':
        this.#at++;
        return [];
      case '"':
        return this.#string();
      case 't':
        return this.#word('true', true);
      case 'f':
        return this.#word('false', false);
      case 'n':
        return this.#word('null', null);
      default:
        return this.#number('looking for beginning of value');
    }
  }

  #isEmpty(holder: Holder): boolean {
    this.#space();
    return this.#take(Array.isArray(holder) ? ']' : '}');
  }

  #beginMember(holder: Holder): void {
    if (Array.isArray(holder)) {
      this.#path.push(holder.length);
      return;
    }
    this.#space();
    if (this.#text[this.#at] !== '"') throw this.#unexpected('looking for beginning of object key string');
    const key = this.#string();
    this.#path.push(key);
    this.#tell?.(this.#place());
    if (Object.hasOwn(holder, key) && this.duplicates.length < maxDuplicates) {
      const path = this.#place();
      if (!this.duplicates.includes(path)) this.duplicates.push(path);
    }
    this.#space();
    if (!this.#take(':')) throw this.#unexpected('after object key');
  }

  /** Puts a whole value where it belongs. Whether another one follows it there: it is begun then. */
  #goesOn(holder: Holder | undefined, value: unknown): boolean {
    if (!holder) return false;
    const at = this.#path.pop() as string | number;
    if (Array.isArray(holder)) {
      this.#noteFloat(holder, at);
      holder.push(value);
    } else {
      const key = at as string;
      if (Object.hasOwn(holder, key)) JsonNotes.for(holder).noteEarlier(key, holder[key]);
      this.#noteFloat(holder, key);
      setOwn(holder, key, value);
    }
    this.#space();
    if (this.#take(',')) {
      this.#beginMember(holder);
      return true;
    }
    const [end, what] = Array.isArray(holder) ? [']', 'array element'] : ['}', 'object key:value pair'];
    if (!this.#take(end)) throw this.#unexpected(`after ${what}`);
    return false;
  }

  #place(): string {
    return joinPath(this.#path.map((part) => (typeof part === 'number' ? `[${part}]` : part)));
  }

  #string(): string {
    plainString.lastIndex = this.#at;
    if (plainString.test(this.#text)) {
      const from = this.#at + 1;
      this.#at = plainString.lastIndex;
      return this.#text.slice(from, this.#at - 1);
    }
    const start = this.#at++;
    while (true) {
      plainPart.lastIndex = this.#at;
      plainPart.test(this.#text);
      this.#at = plainPart.lastIndex;
      const character = this.#text[this.#at];
      if (character === undefined) throw this.#unexpected('');
      if (character < ' ') throw this.#unexpected('in string literal');
      this.#at++;
      if (character === '"') return (JSON.parse(this.#text.slice(start, this.#at)) as string).toWellFormed();
      this.#escape();
    }
  }

  #escape(): void {
    const character = this.#text[this.#at] ?? '';
    if (!'"\\/bfnrtu'.includes(character) || character === '') throw this.#broken('in string escape code');
    this.#at++;
    if (character !== 'u') return;
    for (let i = 0; i < 4; i++, this.#at++) {
      if (!isHexDigit(this.#text.charCodeAt(this.#at))) throw this.#broken('in \\u hexadecimal character escape');
    }
  }

  #number(context: string): Integer {
    number.lastIndex = this.#at;
    if (number.test(this.#text)) {
      const text = this.#text.slice(this.#at, number.lastIndex);
      const value = numberOf(text);
      this.#at = number.lastIndex;
      if (value === Number.POSITIVE_INFINITY || value === Number.NEGATIVE_INFINITY)
        this.beyond ??= new DecodeError(`json: cannot unmarshal number ${text} into Go value of type float64`);
      this.#refuseBroken(text);
      if (floatSign.test(text) || (text.length > exactDigits && `${value}` !== text)) this.#float = text;
      return value;
    }
    if (this.#text[this.#at] !== '-') throw this.#unexpected(context);
    this.#at++;
    throw this.#broken('in numeric literal');
  }

  /** @throws DecodeError – after its digits a number has a point or an exponent without any. */
  #refuseBroken(before: string): void {
    const sign = this.#text[this.#at];
    if (sign !== '.' && sign !== 'e' && sign !== 'E') return;
    // A second point or exponent is no part of it.
    if (sign === '.' ? floatSign.test(before) : /[eE]/.test(before)) return;
    this.#at++;
    if (sign === '.') throw this.#broken('after decimal point in numeric literal');
    if (!this.#take('+')) this.#take('-');
    throw this.#broken('in exponent of numeric literal');
  }

  #noteFloat(holder: object, at: string | number): void {
    if (this.#float === undefined) return;
    JsonNotes.for(holder).noteFloat(at, this.#float);
    this.#float = undefined;
  }

  #word<T>(word: string, value: T): T {
    for (const [i, character] of [...word].entries()) {
      if (this.#text[this.#at] !== character) throw this.#broken(`in literal ${word} (expecting '${word[i]}')`);
      this.#at++;
    }
    return value;
  }

  #space(): void {
    for (let code = this.#text.charCodeAt(this.#at); code <= 32; code = this.#text.charCodeAt(++this.#at)) {
      if (code !== 32 && code !== 10 && code !== 13 && code !== 9) return;
    }
  }

  #take(character: string): boolean {
    if (this.#text[this.#at] !== character) return false;
    this.#at++;
    return true;
  }

  /** Within a word, a number or an escape Go's scanner takes the end of the text for a space, which is none of it. */
  #broken(context: string): DecodeError {
    if (this.#at >= this.#text.length) return new DecodeError(`invalid character ' ' ${context}`);
    return this.#unexpected(context);
  }

  #unexpected(context: string): DecodeError {
    if (this.#at >= this.#text.length) return new DecodeError('unexpected end of JSON input');
    // Go tells the byte it stands at.
    const [byte = 0] = Buffer.from(String.fromCodePoint(this.#text.codePointAt(this.#at) as number));
    const character = String.fromCharCode(byte);
    const shown = character === "'" ? `'\\''` : character === '"' ? `'"'` : `'${goQuote(character).slice(1, -1)}'`;
    return new DecodeError(`invalid character ${shown} ${context}`);
  }
}
