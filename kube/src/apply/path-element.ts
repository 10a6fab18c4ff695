import { isRecord } from '../json-value.ts';
import { parseExact, parseJson } from '../parse-json.ts';
import { canonicalJson } from './canonical-json.ts';
import { compareText } from './compare-text.ts';
import { compareValues } from './compare-values.ts';

/**
 * One step of a field path, as FieldsV1 writes it: `f:name` a field, `k:{"name":"a"}` the list item with that key,
 * `v:"a"` the item of a set, `i:0` an index. In its canonical form, so that equal steps are equal texts.
 */
export type PathElement = string;

export const fieldElement = (name: string): PathElement => `f:${name}`;
export const valueElement = (value: unknown): PathElement => `v:${canonicalJson(value)}`;
export const keyElement = (key: Readonly<Record<string, unknown>>): PathElement => `k:${canonicalJson(key)}`;

/** A field set that cannot be read. */
export class FieldSetError extends Error {
  override readonly name = 'FieldSetError';
}

/** The canonical form of a written element; undefined for a kind this version does not know. @throws FieldSetError */
export function readPathElement(text: string): PathElement | undefined {
  if (text.length < 2) throw new FieldSetError('key must be 2 characters long:');
  if (text[1] !== ':') throw new FieldSetError(`missing colon: ${text}`);
  const content = text.slice(2);
  switch (text[0]) {
    case 'f':
      return text;
    case 'v':
      return valueElement(parsed(content));
    case 'k': {
      const key = parsed(content);
      if (!isRecord(key)) throw new FieldSetError(`expected a map of key fields: ${text}`);
      return keyElement(key);
    }
    case 'i':
      if (!/^[+-]?\d+$/.test(content)) throw new FieldSetError(`strconv.Atoi: parsing "${content}": invalid syntax`);
      return `i:${Number(content)}`;
    default:
      return undefined;
  }
}

function parsed(text: string): unknown {
  try {
    return parseJson(text);
  } catch (error) {
    throw new FieldSetError((error as Error).message);
  }
}

const kinds = 'fkvi';

/** In the order a field set is written in: fields, keys, values, indexes, each among themselves. */
export function sortPathElements(elements: readonly PathElement[]): PathElement[] {
  if (elements.length < 2) return [...elements];
  if (elements.every((element) => element.startsWith('f:'))) return [...elements].sort(compareText);
  const read = elements.map((element) => ({
    element,
    kind: kinds.indexOf(element.charAt(0)),
    // Once for each, not for each comparison.
    content: /^[kv]/.test(element) ? parseExact(element.slice(2)) : undefined,
  }));
  return read.sort(compareRead).map(({ element }) => element);
}

interface ReadElement {
  readonly element: PathElement;
  readonly kind: number;
  readonly content: unknown;
}

function compareRead(a: ReadElement, b: ReadElement): number {
  if (a.kind !== b.kind) return a.kind - b.kind;
  if (a.kind === 0) return compareText(a.element, b.element);
  if (a.kind === 1) return compareKeys(Object.entries(a.content as object), Object.entries(b.content as object));
  return a.kind === 2 ? compareValues(a.content, b.content) : Number(a.element.slice(2)) - Number(b.element.slice(2));
}

type Key = readonly (readonly [string, unknown])[];

/** Name by name and value by value, a shorter one first. */
function compareKeys(a: Key, b: Key): number {
  for (const [i, [name, value]] of a.entries()) {
    const other = b[i];
    if (!other) return 1;
    const order = compareText(name, other[0]) || compareValues(value, other[1]);
    if (order !== 0) return order;
  }
  return a.length - b.length;
}

/** As conflicts and errors show it: `.name`, `[name="a"]`, `[="a"]`, `[0]`. */
function printPathElement(element: PathElement): string {
  const content = element.slice(2);
  switch (element.charAt(0)) {
    case 'f':
      return `.${content}`;
    case 'k': {
      const fields = Object.entries(parseExact(content) as Record<string, unknown>);
      return `[${fields.map(([name, value]) => `${name}=${printValue(value)}`).join(',')}]`;
    }
    case 'v':
      return `[=${printValue(parseExact(content))}]`;
    default:
      return `[${content}]`;
  }
}

export function printPath(path: readonly PathElement[]): string {
  return path.map(printPathElement).join('');
}

function printValue(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(printValue).join(',')}]`;
  if (!isRecord(value)) return JSON.stringify(value);
  return Object.entries(value)
    .map(([name, member]) => `${name}=${printValue(member)}`)
    .join('');
}
