import { isNumber } from '@berth/kit';
import { isRecord } from '../json-value.ts';
import { goHeld, goHeldSyntax, goType } from './go-format.ts';
import type { MergeList, MergeType } from './merge-type.ts';
import { keyElement, type PathElement, valueElement } from './path-element.ts';

/** An object and how it is merged. */
export interface TypedValue {
  readonly value: unknown;
  readonly type: MergeType;
}

export interface TypedProblem {
  /** `.spec.ports[port=80,protocol="TCP"]`; empty: the object itself. */
  readonly path: string;
  readonly message: string;
}

/** A value that does not fit its type; the message names every problem, in upstream's words. */
export class TypedError extends Error {
  override readonly name = 'TypedError';

  constructor(problems: readonly TypedProblem[]) {
    const lines = problems.map(({ path, message }) => (path === '' ? message : `${path}: ${message}`));
    super(lines.length === 1 ? lines[0] : ['errors:', ...lines.map((line) => `  ${line}`)].join('\n'));
  }
}

/** The one form of `type` that fits the value, where it fits one (absent fits all). */
export function deduceForm(type: MergeType, value: unknown): MergeType {
  if (value === undefined || value === null) return type;
  if (Array.isArray(value)) return type.list && (type.map || type.scalar) ? { list: type.list } : type;
  if (isRecord(value)) return type.map && (type.list || type.scalar) ? { map: type.map } : type;
  return type.scalar && (type.list || type.map) ? { scalar: type.scalar } : type;
}

export const sameForm = (a: MergeType, b: MergeType): boolean =>
  a.scalar === b.scalar && !a.list === !b.list && !a.map === !b.map;

/** The list, or undefined where there is none: absent, null, or no list at all. */
export const listIn = (value: unknown): readonly unknown[] | undefined => (Array.isArray(value) ? value : undefined);

export const mapIn = (value: unknown): Readonly<Record<string, unknown>> | undefined =>
  isRecord(value) ? value : undefined;

/** What is wrong with a scalar; undefined: nothing. */
export function scalarProblem(scalar: MergeType['scalar'], value: unknown, prefix = ''): string | undefined {
  if (value === undefined || value === null) return undefined;
  switch (scalar) {
    case 'numeric':
      return isNumber(value) ? undefined : `${prefix}expected numeric (int or float), got ${goType(value)}`;
    case 'string':
      return typeof value === 'string' ? undefined : `${prefix}expected string, got ${goHeldSyntax(value)}`;
    case 'boolean':
      return typeof value === 'boolean' ? undefined : `${prefix}expected boolean, got ${goHeld(value)}`;
    default:
      return typeof value === 'object' ? `${prefix}expected any scalar, got ${goHeld(value)}` : undefined;
  }
}

/** The path element of an item of a list that is not atomic, or why it has none. */
export function itemElement(
  list: MergeList,
  item: unknown,
): { readonly element: PathElement } | { readonly why: string } {
  return list.keys.length > 0 ? keyedItem(list, item) : setItem(item);
}

function keyedItem({ keys, element: { map } }: MergeList, item: unknown) {
  if (item === null || item === undefined) return { why: 'associative list with keys may not have a null element' };
  if (!isRecord(item)) return { why: 'associative list with keys may not have non-map elements' };
  const key: Record<string, unknown> = {};
  let given = 0;
  for (const name of keys) {
    let value = item[name];
    if (value === undefined) {
      if (!map) return { why: `couldn't find default value for ${name}: associative list may not have non-map types` };
      value = map.defaults?.get(name);
    }
    if (value === undefined) continue;
    key[name] = value;
    given++;
  }
  if (given > 0) return { element: keyElement(key) };
  const quoted = keys.map((name) => JSON.stringify(name)).join(' ');
  return {
    why: `associative list with keys has an element that omits all key fields [${quoted}] (and doesn't have default values for any key fields)`,
  };
}

function setItem(item: unknown) {
  if (Array.isArray(item)) return { why: 'not supported: associative list with lists as elements' };
  if (isRecord(item)) return { why: "associative list without keys has an element that's a map type" };
  if (item === null) return { why: "associative list without keys has an element that's an explicit null" };
  return { element: valueElement(item) };
}
