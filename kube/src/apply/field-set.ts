import { isRecord } from '../json-value.ts';
import { FieldSetError, type PathElement, readPathElement, sortPathElements } from './path-element.ts';

/**
 * A set of field paths in the form managedFields carry it (FieldsV1): a tree whose keys are path elements. A node without
 * keys is a member; one with keys is a member if `.` is among them. Nothing changes a set once it is made, and an
 * operation that takes nothing away answers the very set it was given, so that what did not change is not written again.
 */
export interface FieldSet {
  readonly [element: PathElement]: FieldSet;
}

interface Growing {
  [element: PathElement]: Growing;
}

const leaf: FieldSet = Object.freeze({});

export const emptySet: FieldSet = leaf;

/** No path is in it. */
export function isEmptySet(set: FieldSet): boolean {
  for (const key in set) if (key !== '.') return false;
  return true;
}

function isMember(node: FieldSet): boolean {
  if (node['.'] !== undefined) return true;
  for (const _ in node) return false;
  return true;
}

/** The node with just these children, itself in the set or not; undefined: nothing is left of it. */
function asNode(children: FieldSet, member: boolean): FieldSet | undefined {
  if (isEmptySet(children)) return member ? withoutMark(children) : undefined;
  const marked = children['.'] !== undefined;
  if (marked === member) return children;
  return member ? { '.': leaf, ...children } : withoutMark(children);
}

function withoutMark(node: FieldSet): FieldSet {
  if (node['.'] === undefined) return node;
  const { '.': _, ...rest } = node;
  return rest;
}

/** Collects paths into a set. */
export class FieldSetBuilder {
  readonly #root: Growing = {};
  /** Members without children: looking for a child costs as much as there are. */
  readonly #leaves = new Set<Growing>();

  /** The object as a whole is nobody's: an empty path adds nothing. */
  insert(path: readonly PathElement[]): void {
    let node = this.#root;
    let isNew = false;
    for (const element of path) {
      // What was a member without children stays one.
      if (this.#leaves.delete(node)) node['.'] = {};
      const child = node[element];
      isNew = child === undefined;
      if (child) node = child;
      else {
        const made: Growing = {};
        node[element] = made;
        node = made;
      }
    }
    if (isNew) this.#leaves.add(node);
    else if (path.length > 0 && !this.#leaves.has(node)) node['.'] ??= {};
  }

  build(): FieldSet {
    return this.#root;
  }
}

export function hasPath(set: FieldSet, path: readonly PathElement[]): boolean {
  let node: FieldSet | undefined = set;
  for (const element of path) {
    node = node[element];
    if (!node) return false;
  }
  return path.length > 0 && isMember(node);
}

/** Whether the step itself is in the set. */
export function hasElement(set: FieldSet, element: PathElement): boolean {
  const node = set[element];
  return node !== undefined && isMember(node);
}

/** What the set has below a step, without the step itself. */
export function below(set: FieldSet, element: PathElement): FieldSet {
  return set[element] ?? emptySet;
}

export function union(a: FieldSet, b: FieldSet): FieldSet {
  if (isEmptySet(a)) return b;
  let result: Record<PathElement, FieldSet> | undefined;
  for (const key in b) {
    if (key === '.') continue;
    const [mine, other] = [a[key], b[key] as FieldSet];
    const joined = mine ? joinNodes(mine, other) : other;
    if (joined === mine) continue;
    result ??= { ...a };
    result[key] = joined;
  }
  return result ?? a;
}

function joinNodes(a: FieldSet, b: FieldSet): FieldSet {
  const children = isEmptySet(b) ? a : union(a, b);
  return asNode(children, isMember(a) || isMember(b)) as FieldSet;
}

/** Paths of `a` that are not in `b`; those below a path of `b` stay. */
export function difference(a: FieldSet, b: FieldSet): FieldSet {
  return subtract(a, b, (node, other) => asNode(difference(node, other), isMember(node) && !isMember(other)));
}

/** Paths of `a` that are neither in `b` nor below one of its paths. */
export function recursiveDifference(a: FieldSet, b: FieldSet): FieldSet {
  return subtract(a, b, (node, other) =>
    isMember(other) ? undefined : asNode(recursiveDifference(node, other), isMember(node)),
  );
}

function subtract(a: FieldSet, b: FieldSet, rest: (node: FieldSet, other: FieldSet) => FieldSet | undefined): FieldSet {
  let changed: Map<PathElement, FieldSet | undefined> | undefined;
  for (const key in b) {
    const node = a[key];
    if (key === '.' || node === undefined) continue;
    const left = rest(node, b[key] as FieldSet);
    if (left === node) continue;
    changed ??= new Map();
    changed.set(key, left);
  }
  if (!changed) return a;
  // Made anew, in the order it had: deleting from a copy would make it slow for all that follows.
  const result: Record<PathElement, FieldSet> = {};
  for (const key in a) {
    const left = changed.has(key) ? changed.get(key) : a[key];
    if (left) result[key] = left;
  }
  return result;
}

export function intersection(a: FieldSet, b: FieldSet): FieldSet {
  const result: Record<PathElement, FieldSet> = {};
  for (const key in b) {
    const [node, other] = [a[key], b[key] as FieldSet];
    if (key === '.' || node === undefined) continue;
    const both = asNode(intersection(node, other), isMember(node) && isMember(other));
    if (both) result[key] = both;
  }
  return result;
}

/** A pattern of paths: `*` stands for any step; `true` for everything from here on. */
export interface FieldPattern {
  readonly [element: string]: FieldPattern | true;
}

/** What matches the pattern, and what leads there. */
export function matching(set: FieldSet, pattern: FieldPattern): FieldSet {
  const result: Record<PathElement, FieldSet> = {};
  for (const key in set) {
    const next = pattern['*'] ?? pattern[key];
    if (key === '.' || next === undefined) continue;
    const node = set[key] as FieldSet;
    const kept = next === true ? node : asNode(matching(node, next), isMember(node));
    if (kept) result[key] = kept;
  }
  return result;
}

/** Every path, in the order upstream names them: the members of a level before what is below it. */
export function pathsOf(set: FieldSet, prefix: readonly PathElement[] = []): PathElement[][] {
  const elements = elementsOf(set);
  return [
    ...elements.filter((element) => hasElement(set, element)).map((element) => [...prefix, element]),
    ...elements.flatMap((element) => pathsOf(set[element] as FieldSet, [...prefix, element])),
  ];
}

/** The steps of one level, in order. */
export function elementsOf(set: FieldSet): PathElement[] {
  return sortPathElements(Object.keys(set).filter((key) => key !== '.'));
}

/** The same set with its steps in the order they are written in; itself where they are. */
export function inOrder(set: FieldSet): FieldSet {
  const elements = elementsOf(set);
  const result: Record<PathElement, FieldSet> = set['.'] === undefined ? {} : { '.': leaf };
  let changed = false;
  for (const element of elements) {
    const node = set[element] as FieldSet;
    const sorted = isEmptySet(node) ? node : inOrder(node);
    changed ||= sorted !== node;
    result[element] = sorted;
  }
  if (changed) return result;
  const keys = Object.keys(set);
  return Object.keys(result).every((key, i) => key === keys[i]) ? set : result;
}

/** A field set as a client wrote it, in canonical form. @throws FieldSetError */
export function readFieldSet(json: unknown): FieldSet {
  const { children } = readNode(json);
  return children;
}

function readNode(json: unknown): { readonly children: FieldSet; readonly member: boolean } {
  if (json !== null && !isRecord(json)) throw new FieldSetError('expected a map of path elements');
  const children: Record<PathElement, FieldSet> = {};
  let member = false;
  for (const [key, value] of Object.entries(json ?? {})) {
    if (key === '.') {
      member = true;
      continue;
    }
    const element = readPathElement(key);
    if (element === undefined) continue;
    const read = readNode(value);
    const before = children[element];
    const isIn = read.member || (before !== undefined && isMember(before));
    const node = asNode(isEmptySet(read.children) && before ? before : read.children, isIn);
    if (node) children[element] = node;
  }
  return { children, member: member || isEmptySet(children) };
}
