import { ownMember } from '@berth/kit';
import { equalValues } from './compare-values.ts';
import { type FieldSet, FieldSetBuilder } from './field-set.ts';
import type { MergeList, MergeMap, MergeType } from './merge-type.ts';
import { fieldElement, type PathElement, printPath } from './path-element.ts';
import {
  deduceForm,
  itemElement,
  listIn,
  mapIn,
  sameForm,
  scalarProblem,
  TypedError,
  type TypedProblem,
} from './typed-value.ts';

/** What became of a value, by path. */
export interface Comparison {
  /** Added or changed. */
  readonly written: FieldSet;
  readonly removed: FieldSet;
}

/** Compares two values of a type; undefined stands for none. @throws TypedError – a list has items without their keys */
export function compareTyped(before: unknown, after: unknown, type: MergeType): Comparison {
  const walk = new Comparing();
  walk.value(before, after, type);
  if (walk.problems.length > 0) throw new TypedError(walk.problems);
  return { written: walk.written.build(), removed: walk.removed.build() };
}

class Comparing {
  readonly written = new FieldSetBuilder();
  readonly removed = new FieldSetBuilder();
  readonly problems: TypedProblem[] = [];

  value(before: unknown, after: unknown, type: MergeType | undefined): void {
    if (before === after) return;
    const [left, right] = [type && deduceForm(type, before), type && deduceForm(type, after)];
    if (!left || !right) return this.#report('schema error: invalid atom: inlined');
    let whole: boolean;
    if (after === undefined) whole = this.#form(before, after, left);
    else if (before === undefined || sameForm(left, right)) whole = this.#form(before, after, right);
    else {
      this.#form(before, after, left);
      whole = this.#form(before, after, right);
    }
    if (whole) return;
    if (before === undefined) this.written.insert();
    else if (after === undefined) this.removed.insert();
  }

  /** Answers whether the value was compared as one. */
  #form(before: unknown, after: unknown, form: MergeType): boolean {
    if (form.map) return this.#map(before, after, form.map);
    if (form.scalar) return this.#scalar(before, after, form.scalar);
    if (form.list) return this.#list(before, after, form.list);
    this.#report('schema error: invalid atom: inlined');
    return false;
  }

  #scalar(before: unknown, after: unknown, scalar: MergeType['scalar']): boolean {
    const [left, right] = [scalarProblem(scalar, before, 'lhs: '), scalarProblem(scalar, after, 'rhs: ')];
    if (left === undefined || right === undefined) return this.#leaf(before, after);
    this.#report(left);
    this.#report(right);
    return false;
  }

  #leaf(before: unknown, after: unknown): true {
    if (after === undefined) this.removed.insert();
    else if (before === undefined || !equalValues(before, after)) this.written.insert();
    return true;
  }

  #map(before: unknown, after: unknown, { atomic, fields, element }: MergeMap): boolean {
    const [left, right] = [mapIn(before), mapIn(after)];
    // Both empty are one value, so that null and {} stay told apart.
    if (atomic || (isEmpty(left) && isEmpty(right))) return this.#leaf(before, after);
    for (const name in left ?? none) this.#field(name, left?.[name], own(right, name), fields.get(name) ?? element);
    for (const name in right ?? none)
      if (own(left, name) === undefined) this.#field(name, undefined, right?.[name], fields.get(name) ?? element);
    return false;
  }

  #field(name: string, before: unknown, after: unknown, type: MergeType | undefined): void {
    if (before === after) return;
    this.#enter(fieldElement(name));
    this.value(before, after, type);
    this.#leave();
  }

  #list(before: unknown, after: unknown, list: MergeList): boolean {
    const [left, right] = [listIn(before) ?? [], listIn(after) ?? []];
    if (list.atomic || (left.length === 0 && right.length === 0)) return this.#leaf(before, after);
    // Most lists of most writes are as they were: their items need no names.
    if (equalValues(left, right)) return false;
    const [olds, news] = [this.#byElement(list, left), this.#byElement(list, right)];
    for (const [element, items] of olds) this.#items(list, element, [items, news.get(element) ?? []]);
    for (const [element, items] of news) if (!olds.has(element)) this.#items(list, element, [[], items]);
    return false;
  }

  #byElement(list: MergeList, items: readonly unknown[]): Map<PathElement, unknown[]> {
    const result = new Map<PathElement, unknown[]>();
    for (const [index, item] of items.entries()) {
      const place = itemElement(list, item);
      if ('why' in place) {
        this.#report(`element ${index}: ${place.why}`);
        continue;
      }
      const same = result.get(place.element);
      if (same) same.push(item);
      else result.set(place.element, [item]);
    }
    return result;
  }

  /** Items that are there several times are compared, and owned, together. */
  #items(list: MergeList, element: PathElement, [olds, news]: readonly [readonly unknown[], readonly unknown[]]): void {
    this.#enter(element);
    if (olds.length <= 1 && news.length <= 1) this.value(olds[0], news[0], list.element);
    else if (olds.length >= 2 && news.length >= 2) {
      if (!equalValues(olds, news)) this.written.insert();
    } else if (olds.length >= 2) {
      if (news.length > 0) this.value(undefined, news[0], list.element);
      this.removed.insert();
    } else {
      if (olds.length > 0) this.value(olds[0], undefined, list.element);
      this.written.insert();
    }
    this.#leave();
  }

  #enter(element: PathElement): void {
    this.written.enter(element);
    this.removed.enter(element);
  }

  #leave(): void {
    this.written.leave();
    this.removed.leave();
  }

  #report(message: string): void {
    this.problems.push({ path: printPath(this.written.path), message });
  }
}

const none: Readonly<Record<string, unknown>> = {};

function isEmpty(map: Readonly<Record<string, unknown>> = none): boolean {
  for (const _ in map) return false;
  return true;
}

/** Keys of maps come from users: `constructor` is one like any other. */
function own(map: Readonly<Record<string, unknown>> | undefined, name: string): unknown {
  return ownMember(map, name);
}
