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

/**
 * Collects paths into a set while a value is walked: `enter` and `leave` follow the walk, `insert` adds where it stands.
 * Each node is made once, and only where something is inserted.
 */
export class FieldSetBuilder {
  readonly #root: Growing = {};
  readonly #path: PathElement[] = [];
  /** The nodes on the way, as far as they exist. */
  readonly #nodes: Growing[] = [];
  /** Nodes that have something below: to look for a key takes as long as a node is wide. */
  readonly #parents = new Set<Growing>();

  enter(element: PathElement): void {
    this.#path.push(element);
  }

  leave(): void {
    this.#path.pop();
    if (this.#nodes.length > this.#path.length) this.#nodes.pop();
  }

  /** Where the walk stands. */
  get path(): readonly PathElement[] {
    return this.#path;
  }

  /** The object as a whole is nobody's: at its root nothing is added. */
  insert(): void {
    const depth = this.#path.length;
    const from = this.#nodes.length;
    const here = from === depth ? this.#nodes[depth - 1] : undefined;
    if (here && this.#parents.has(here)) here['.'] ??= {};
    let made = false;
    for (let at = from; at < depth; at++) {
      const parent = at === 0 ? this.#root : (this.#nodes[at - 1] as Growing);
      // What was in the set by itself stays so when something below is added.
      if (at > 0 && !this.#parents.has(parent)) {
        this.#parents.add(parent);
        if (!made) parent['.'] ??= {};
      }
      const element = this.#path[at] as PathElement;
      const known = parent[element];
      made = known === undefined;
      const node = known ?? {};
      if (made) parent[element] = node;
      else if (at === depth - 1 && this.#parents.has(node)) node['.'] ??= {};
      this.#nodes.push(node);
    }
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

/** Every path, in the order upstream names them: the members of a level before what is below it. */
export function pathsOf(set: FieldSet, prefix: readonly PathElement[] = []): PathElement[][] {
  const elements = elementsOf(set);
  return [
    ...elements.filter((element) => hasElement(set, element)).map((element) => [...prefix, element]),
    ...elements.flatMap((element) => pathsOf(set[element] as FieldSet, [...prefix, element])),
  ];
}

/** The steps of one level, in order. */
function elementsOf(set: FieldSet): PathElement[] {
  const elements: PathElement[] = [];
  for (const key in set) if (key !== '.') elements.push(key);
  return sortPathElements(elements);
}

/** The same set with its steps in the order they are written in. */
export function inOrder(set: FieldSet): FieldSet {
  const result: Record<PathElement, FieldSet> = set['.'] === undefined ? {} : { '.': leaf };
  for (const element of elementsOf(set)) {
    const node = set[element] as FieldSet;
    result[element] = isEmptySet(node) ? node : inOrder(node);
  }
  return result;
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
