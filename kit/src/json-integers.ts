/**
 * Integers of JSON as programs of 64 bits have them: exact wherever an int64 holds them. JavaScript's numbers are exact up to 2^53 alone,
 * so an integer beyond is a bigint, and every other number a number: what is equal has one form.
 */
export type Integer = number | bigint;

declare global {
  interface JSON {
    /** Text that `stringify` writes as it is (ES2026). */
    rawJSON(text: string): unknown;
    isRawJSON(value: unknown): boolean;
  }
}

// Once for all: a replacer at each `JSON.stringify` would cost every object what a few need. A replacer that wants the bigint
// itself finds it in its `this`.
Object.defineProperty(BigInt.prototype, 'toJSON', {
  value(this: bigint): unknown {
    return JSON.rawJSON(String(this));
  },
  configurable: true,
  writable: true,
});

const int64 = 2n ** 63n;

/** What a run of digits may be that a number does not hold: 2^53 has sixteen. */
const doubtfulDigits = 16;
/** -2^63. Reading as a bigint what is much longer takes long. */
const longestInt64 = 20;

/** The value of a JSON number. An integer beyond int64 is a float, as Go's decoders have it. */
export function numberOf(text: string): Integer {
  const value = Number(text);
  if (text.length < doubtfulDigits || text.length > longestInt64) return value;
  if (Number.isSafeInteger(value) || !/^-?\d+$/.test(text)) return value;
  return exactOr(BigInt(text), value);
}

/** An integer in its one form. */
export function integerOf(value: bigint): Integer {
  const near = Number(value);
  return Number.isSafeInteger(near) ? near : exactOr(value, near);
}

function exactOr(value: bigint, near: number): Integer {
  return value >= -int64 && value < int64 ? value : near;
}

/** Whether a value is a whole number, as a number or as a bigint. */
export function isInteger(value: unknown): value is Integer {
  return typeof value === 'bigint' || Number.isInteger(value);
}

/** Whether a value is an integer of 64 bits: Go reads one beyond as a float, and so is the number -2^63, as the integer is a bigint. */
export function isInt64(value: unknown): value is Integer {
  return typeof value === 'bigint' || (Number.isInteger(value) && Math.abs(value as number) < 2 ** 63);
}

/** Whether a value is a JSON number. */
export function isNumber(value: unknown): value is Integer {
  return typeof value === 'number' || typeof value === 'bigint';
}

/**
 * Whether a JSON text may have an integer that a number does not hold. Looks at each sixteenth character alone, as such an
 * integer cannot pass between.
 */
export function mayHaveLargeInteger(text: string): boolean {
  for (let i = doubtfulDigits - 1; i < text.length; i += doubtfulDigits) {
    if (!isDigit(text, i)) continue;
    let [from, end] = [i, i + 1];
    while (isDigit(text, from - 1)) from--;
    while (isDigit(text, end)) end++;
    if (end - from >= doubtfulDigits && isWholeNumber(text, from, end)) return true;
    i = Math.max(i, end - 1);
  }
  return false;
}

function isDigit(text: string, at: number): boolean {
  const code = text.charCodeAt(at);
  return code >= 48 && code <= 57;
}

/** Digits are a number of their own between these; in a name or a checksum they are not. */
function isWholeNumber(text: string, from: number, end: number): boolean {
  const start = text[from - 1] === '-' ? from - 2 : from - 1;
  return (start < 0 || ':[, \n\r\t'.includes(text.charAt(start))) && ',]} \n\r\t'.includes(text.charAt(end));
}

/** What copies with rounded integers were made of. */
const originals = new WeakMap<object, object>();

/**
 * A copy whose integers are numbers, rounded where they have to be; the value itself where it has no others.
 * {@link exactIntegers} finds them again.
 */
export function roundedIntegers<T>(value: T): T {
  return hasLarge(value) ? (rounded(value) as T) : value;
}

/** By a list of what is still to be seen: an object may nest deeper than the stack holds calls. */
function hasLarge(value: unknown): boolean {
  const open = [value];
  while (open.length > 0) {
    const next = open.pop();
    if (typeof next === 'bigint') return true;
    if (typeof next === 'object' && next !== null) for (const member of Object.values(next)) open.push(member);
  }
  return false;
}

function rounded(value: unknown): unknown {
  const open: Record<string, unknown>[] = [];
  const copyOf = (original: unknown): unknown => {
    if (typeof original === 'bigint') return Number(original);
    if (typeof original !== 'object' || original === null) return original;
    const copy = Array.isArray(original) ? [...original] : { ...original };
    originals.set(copy, original);
    open.push(copy as Record<string, unknown>);
    return copy;
  };
  const root = copyOf(value);
  for (let copy = open.pop(); copy; copy = open.pop())
    for (const [name, member] of Object.entries(copy)) copy[name] = copyOf(member);
  return root;
}

/** A value that may have parts of rounded copies, with their integers as they were; the value itself where it has none. */
export function exactIntegers<T>(value: T): T {
  return exact(value) as T;
}

function exact(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value;
  const original = originals.get(value);
  if (original) return original;
  if (Array.isArray(value)) {
    const items = value.map(exact);
    return items.some((item, i) => item !== value[i]) ? items : value;
  }
  const members = Object.entries(value).map(([name, member]) => [name, exact(member)] as const);
  const record = value as Readonly<Record<string, unknown>>;
  return members.some(([name, member]) => member !== record[name]) ? Object.fromEntries(members) : value;
}
