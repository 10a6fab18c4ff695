import { Uint } from '../values/uint.ts';
import { maxInt, maxUint, minInt, type Value } from '../values/value.ts';
import type { Token } from './lexer.ts';
import { unescapeBytes, unescapeString } from './unescape.ts';

/** What a literal stands for; with a problem, something of its type to go on with. */
export interface Literal {
  readonly value: Value;
  readonly problem?: string;
}

/** `sign` goes before a number. @returns undefined where the token is no literal. */
export function readLiteral(token: Token, sign: string): Literal | undefined {
  switch (token.type) {
    case 'int':
    case 'uint':
    case 'double': {
      const value = numberValue(token, sign);
      return value === undefined ? { value: 0n, problem: `invalid ${token.type} literal` } : { value };
    }
    case 'string': {
      const value = unescapeString(token.text);
      return value === undefined ? { value: '', problem: 'invalid unicode code point' } : { value };
    }
    case 'bytes': {
      const value = unescapeBytes(token.text.slice(1));
      return value === undefined ? { value: new Uint8Array(), problem: 'unable to unescape string' } : { value };
    }
    default:
      return undefined;
  }
}

function numberValue({ type, text }: Token, sign: string): Value | undefined {
  if (type === 'double') {
    const value = Number(sign + text);
    return Number.isFinite(value) ? value : undefined;
  }
  if (type === 'uint') {
    const value = BigInt(text.slice(0, -1));
    return value > maxUint ? undefined : new Uint(value);
  }
  const value = sign === '-' ? -BigInt(text) : BigInt(text);
  return value > maxInt || value < minInt ? undefined : value;
}
