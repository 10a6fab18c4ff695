import { type Integer, integerOf } from '@berth/kit';

/** A scalar as Go's reader of YAML (go.yaml.in/yaml/v2, resolve.go) has it: YAML 1.1 with some of 1.2. */
export interface ResolvedScalar {
  /** Integers that an int64 does not hold are `uint`: no key of a map may be one. */
  readonly type: 'str' | 'bool' | 'int' | 'uint' | 'float' | 'null';
  readonly value: string | boolean | Integer | null;
  /** Of `uint`, which is more than `value` holds. */
  readonly exact?: bigint;
}

const prefix = 'tag:yaml.org,2002:';

const words = new Map<string, ResolvedScalar>();
for (const [type, value, all] of [
  ['bool', true, 'y Y yes Yes YES true True TRUE on On ON'],
  ['bool', false, 'n N no No NO false False FALSE off Off OFF'],
  ['null', null, '~ null Null NULL'],
  ['float', Number.NaN, '.nan .NaN .NAN'],
  ['float', Number.POSITIVE_INFINITY, '.inf .Inf .INF +.inf +.Inf +.INF'],
  ['float', Number.NEGATIVE_INFINITY, '-.inf -.Inf -.INF'],
] as const) {
  for (const word of all.split(' ')) words.set(word, { type, value });
}
words.set('', { type: 'null', value: null });

/** What a text begins with that may be anything else. */
const hinted = /^(?:$|[-+0-9yYnNtTfFoO~.])/;

/** The value of what stands without quotes and without a tag. */
export function plainScalar(text: string): ResolvedScalar {
  if (!hinted.test(text)) return { type: 'str', value: text };
  return words.get(text) ?? number(text) ?? { type: 'str', value: text };
}

/** The value of a scalar of a tag. @throws Error – it is none of that */
export function taggedScalar(tag: string, text: string): ResolvedScalar {
  const name = tag.startsWith(prefix) ? tag.slice(prefix.length) : '';
  if (name === 'binary') return { type: 'str', value: bytesOf(text) };
  if (!['bool', 'int', 'float', 'null', 'timestamp'].includes(name)) return { type: 'str', value: text };
  const scalar = plainScalar(text);
  if (name === 'float' && scalar.type === 'int') return { type: 'float', value: Number(scalar.value) };
  const found = scalar.type === 'uint' ? 'int' : scalar.type === 'str' && isTime(text) ? 'timestamp' : scalar.type;
  const read = found === 'timestamp' && name !== 'timestamp' ? 'str' : found;
  if (read !== name) throw new Error(`cannot decode !!${read} \`${text}\` as a !!${name}`);
  return scalar;
}

function number(text: string): ResolvedScalar | undefined {
  if (text.startsWith('.')) {
    const value = /^\.\d+(?:_\d+)*(?:[eE][-+]?\d+(?:_\d+)*)?$/.test(text)
      ? Number(text.replaceAll('_', ''))
      : Number.POSITIVE_INFINITY;
    return float(value);
  }
  if (!/^[-+0-9]/.test(text)) return undefined;
  const plain = text.replaceAll('_', '');
  const int = integer(plain.replace(/^0b([-+])/, '$10b'));
  if (int) return int;
  return /^[-+]?(?:\.\d+|\d+(?:\.\d*)?)(?:[eE][-+]?\d+)?$/.test(plain) ? float(Number(plain)) : undefined;
}

function float(value: number): ResolvedScalar | undefined {
  return Number.isFinite(value) ? { type: 'float', value } : undefined;
}

/** As Go's ParseInt and ParseUint of base 0 have it: a zero in front means octal. */
function integer(text: string): ResolvedScalar | undefined {
  const found = /^([-+]?)(?:0([xXbBoO])0*([0-9a-fA-F]+)|0*([0-9]+))$/.exec(text);
  if (!found) return undefined;
  const [, sign = '', base, based, bare = ''] = found;
  const octal = base === undefined && text.length > sign.length + 1 && text[sign.length] === '0';
  const digits = based ?? bare;
  if (digits.length > 64) return undefined;
  const letter = octal ? 'o' : base?.toLowerCase();
  if (letter === undefined ? !/^\d+$/.test(digits) : !digitsOf[letter]?.test(digits)) return undefined;
  const magnitude = BigInt(letter === undefined ? digits : `0${letter}${digits}`);
  const value = sign === '-' ? -magnitude : magnitude;
  if (BigInt.asIntN(64, value) === value) return { type: 'int', value: integerOf(value) };
  if (sign !== '' || value >= 2n ** 64n) return undefined;
  return { type: 'uint', value: integerOf(value), exact: value };
}

const digitsOf: Readonly<Record<string, RegExp>> = { x: /^[\da-fA-F]+$/, o: /^[0-7]+$/, b: /^[01]+$/ };

/** The forms of time.Parse that Go's reader knows; days that a month has not are rare enough. */
function isTime(text: string): boolean {
  return /^\d{4}-\d{1,2}-\d{1,2}(?:[Tt]\d{1,2}:\d{1,2}:\d{1,2}(?:\.\d+)?(?:Z|[-+]\d\d:\d\d)| \d{1,2}:\d{1,2}:\d{1,2}(?:\.\d+)?)?$/.test(
    text,
  );
}

function bytesOf(text: string): string {
  const digits = text.replace(/[\r\n]/g, '');
  if (digits.length % 4 !== 0 || !/^[A-Za-z0-9+/]*={0,2}$/.test(digits))
    throw new Error('!!binary value contains invalid base64 data');
  return Buffer.from(digits, 'base64').toString();
}
