import type { Expr } from '../language/ast.ts';
import { type CelType, dynType, isOptionalType } from '../language/cel-type.ts';
import { sizeOf as sizeOfValue } from '../values/size.ts';
import { fixed, type Range, union, unknownRange } from './cost-range.ts';

/** How large what a path leads to can be: `['self', 'spec', 'names', '@items']`; undefined: not known. */
export type SizeOf = (path: readonly string[]) => Range | undefined;

/** Sizes of what is in a container. */
export interface EntrySize {
  readonly container: 'list' | 'map';
  readonly key: Range;
  readonly value: Range;
}

interface Local {
  readonly path: readonly string[];
  readonly size: Range | undefined;
  readonly entry: EntrySize | undefined;
}

/** A part of an expression, as libraries' rules see it. */
export interface SizedNode {
  readonly expr: Expr | undefined;
  readonly type: CelType;
  readonly path: readonly string[];
  /** What is known of its size. */
  readonly size: Range | undefined;
}

/** What is known of the sizes of an expression's parts while its cost is added up. */
export class Sizes {
  readonly #sizeOf: SizeOf;
  readonly #paths = new Map<Expr, readonly string[]>();
  readonly #sizes = new Map<Expr, Range>();
  readonly #entries = new Map<Expr, EntrySize>();
  readonly #locals = new Map<string, Local[]>();

  constructor(sizeOf: SizeOf) {
    this.#sizeOf = sizeOf;
  }

  local(name: string): Local | undefined {
    return this.#locals.get(name)?.at(-1);
  }

  setPath(expr: Expr, path: readonly string[]): void {
    this.#paths.set(expr, path);
  }

  path(expr: Expr): readonly string[] {
    const local = expr.kind === 'ident' ? this.local(expr.name) : undefined;
    return local?.path ?? this.#paths.get(expr) ?? [];
  }

  setSize(expr: Expr, size: Range): void {
    this.#sizes.set(expr, size);
  }

  size(expr: Expr): Range | undefined {
    const known = this.#sizes.get(expr) ?? ownSize(expr);
    if (known) return known;
    const declared = this.bySchema(this.path(expr));
    if (declared) {
      this.#sizes.set(expr, declared);
      return declared;
    }
    if (isScalar(expr.type ?? dynType)) return fixed(1);
    return expr.kind === 'ident' ? this.local(expr.name)?.size : undefined;
  }

  bySchema(path: readonly string[]): Range | undefined {
    return path.length === 0 ? undefined : this.#sizeOf(path);
  }

  sizeOrUnknown(expr: Expr): Range {
    return this.size(expr) ?? unknownRange;
  }

  setEntry(expr: Expr, entry: EntrySize): void {
    this.#entries.set(expr, entry);
  }

  entry(expr: Expr): EntrySize | undefined {
    return this.#entries.get(expr) ?? (expr.kind === 'ident' ? this.local(expr.name)?.entry : undefined);
  }

  copy(to: Expr, from: Expr): void {
    const size = this.size(from);
    if (size) this.setSize(to, size);
    const entry = this.entry(from);
    if (entry) this.setEntry(to, entry);
  }

  /** Paths lead from variables; what loops gather has none. */
  node(expr: Expr): SizedNode {
    const path = this.path(expr);
    const rooted = path[0] === '@result' || path[0] === '__result__' ? [] : path;
    return { expr, type: expr.type ?? dynType, path: rooted, size: this.size(expr) };
  }

  pushVariable(name: string, value: Expr): void {
    this.#push(name, { path: this.path(value), entry: this.entry(value), size: this.size(value) });
  }

  pushElement(name: string, range: Expr, part: 'single' | 'key' | 'value'): void {
    const entry = this.entry(range);
    const isList = (entry?.container ?? range.type?.kind) === 'list';
    const key = part === 'key' || (part === 'single' && !isList);
    const steps = isList ? { true: '@indices', false: '@items' } : { true: '@keys', false: '@values' };
    const path = [...this.path(range), steps[`${key}`]];
    this.#push(name, { path, size: key ? entry?.key : entry?.value, entry: undefined });
  }

  #push(name: string, local: Local): void {
    const stack = this.#locals.get(name);
    if (stack) stack.push(local);
    else this.#locals.set(name, [local]);
  }

  pop(name: string): void {
    this.#locals.get(name)?.pop();
  }
}

function ownSize(expr: Expr): Range | undefined {
  if (expr.kind === 'literal') return fixed(sizeOfValue(expr.value) ?? 1);
  if (expr.kind === 'list') return fixed(expr.elements.length);
  return expr.kind === 'map' ? fixed(expr.entries.length) : undefined;
}

function isScalar(type: CelType): boolean {
  if (isOptionalType(type)) return isScalar(type.parameter(0));
  return ['bool', 'int', 'uint', 'double', 'timestamp', 'duration'].includes(type.kind);
}

export function unionOfEntries(a: EntrySize | undefined, b: EntrySize | undefined): EntrySize | undefined {
  return a && b ? { container: a.container, key: union(a.key, b.key), value: union(a.value, b.value) } : undefined;
}
