import { setOwn } from '../json-value.ts';
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

/**
 * An object with a partial one laid over it: leaves are the partial one's, sets and keyed lists are joined, in the order of
 * the partial one where it has an opinion. Nothing is taken away. @throws TypedError
 */
export function mergeTyped(live: unknown, applied: unknown, type: MergeType): unknown {
  const walk = new Merging();
  const merged = walk.value(live, applied, type);
  if (walk.problems.length > 0) throw new TypedError(walk.problems);
  return merged;
}

/** An item several times in the live list: what is new replaces it, instead of being merged into one of them. */
const repeated = null;

class Merging {
  readonly problems: TypedProblem[] = [];
  readonly #path: PathElement[] = [];

  /** Undefined: nothing. */
  value(live: unknown, applied: unknown, type: MergeType | undefined): unknown {
    const [left, right] = [type && deduceForm(type, live), type && deduceForm(type, applied)];
    if (!left || !right) return this.#report('schema error: invalid atom: inlined');
    if (applied === undefined) return this.#form(live, applied, left);
    if (live !== undefined && !sameForm(left, right)) this.#form(live, applied, left);
    return this.#form(live, applied, right);
  }

  #form(live: unknown, applied: unknown, form: MergeType): unknown {
    if (form.map) return this.#map(live, applied, form.map);
    if (form.scalar) return this.#scalar(live, applied, form.scalar);
    if (form.list) return this.#list(live, applied, form.list);
    return this.#report('schema error: invalid atom: inlined');
  }

  #scalar(live: unknown, applied: unknown, scalar: MergeType['scalar']): unknown {
    const [left, right] = [scalarProblem(scalar, live, 'lhs: '), scalarProblem(scalar, applied, 'rhs: ')];
    if (left === undefined || right === undefined) return newer(live, applied);
    this.#report(left);
    return this.#report(right);
  }

  #map(live: unknown, applied: unknown, { atomic, fields, element }: MergeMap): unknown {
    const [left, right] = [mapIn(live) ?? {}, mapIn(applied) ?? {}];
    const names = new Set([...Object.keys(left), ...Object.keys(right)]);
    if (atomic || names.size === 0) return newer(live, applied);
    const result: Record<string, unknown> = {};
    let any = false;
    for (const name of names) {
      const [mine, theirs] = [own(left, name), own(right, name)];
      const merged = this.#at(fieldElement(name), [mine, theirs], fields.get(name) ?? element);
      if (merged === undefined) continue;
      setOwn(result, name, merged);
      any = true;
    }
    return any ? result : undefined;
  }

  #at(element: PathElement, [live, applied]: readonly [unknown, unknown], type: MergeType | undefined): unknown {
    this.#path.push(element);
    const merged = this.value(live, applied, type);
    this.#path.pop();
    return merged;
  }

  #list(live: unknown, applied: unknown, list: MergeList): unknown {
    const [left, right] = [listIn(live) ?? [], listIn(applied) ?? []];
    if (list.atomic || (left.length === 0 && right.length === 0)) return newer(live, applied);
    const problems = this.problems.length;
    const news = this.#index(list, right, false);
    const olds = this.#index(list, left, true);
    if (this.problems.length > problems) return undefined;
    const merged = this.#joined(list, olds, news).filter((item) => item !== undefined);
    return merged.length > 0 ? merged : undefined;
  }

  #index(list: MergeList, items: readonly unknown[], duplicates: boolean): Indexed {
    const elements: PathElement[] = [];
    const values: unknown[] = [];
    const observed = new Map<PathElement, unknown>();
    for (const [index, item] of items.entries()) {
      const place = itemElement(list, item);
      if ('why' in place) {
        this.#report(`element ${index}: ${place.why}`);
        continue;
      }
      const { element } = place;
      const seen = observed.has(element);
      if (seen && !duplicates) {
        this.#report(`duplicate entries for key ${printPath([element])}`);
        continue;
      }
      observed.set(element, seen ? repeated : item);
      elements.push(element);
      values.push(item);
    }
    return { elements, values, observed };
  }

  /**
   * Both lists in one: live items keep their places between those they share with the applied list, which come in the applied
   * order (structured-merge-diff visitListItems).
   */
  #joined(list: MergeList, olds: Indexed, news: Indexed): unknown[] {
    const result: unknown[] = [];
    const shared = news.elements.filter((element) => olds.observed.has(element));
    const done = new Set<PathElement>();
    let next = shared.shift();
    const both = (element: PathElement) => [olds.observed.get(element), news.observed.get(element)] as const;
    for (let l = 0, r = 0; l < olds.elements.length || r < news.elements.length; ) {
      const [mine, theirs] = [olds.elements[l], news.elements[r]];
      if (mine !== undefined && mine === theirs) {
        done.add(mine);
        result.push(this.#at(mine, both(mine), list.element));
        l++;
        r++;
        next = shared.shift();
        continue;
      }
      if (
        mine !== undefined &&
        theirs !== undefined &&
        news.observed.has(mine) &&
        next !== undefined &&
        next !== mine
      ) {
        l++;
        continue;
      }
      if (mine !== undefined && !news.observed.has(mine)) {
        result.push(this.#at(mine, [olds.values[l], undefined], list.element));
        l++;
        continue;
      }
      if (mine !== undefined && done.has(mine)) l++;
      if (theirs === undefined) continue;
      done.add(theirs);
      result.push(this.#at(theirs, both(theirs), list.element));
      r++;
      if (next === theirs) next = shared.shift();
    }
    return result;
  }

  #report(message: string): undefined {
    this.problems.push({ path: printPath(this.#path), message });
  }
}

interface Indexed {
  readonly elements: readonly PathElement[];
  readonly values: readonly unknown[];
  readonly observed: ReadonlyMap<PathElement, unknown>;
}

const newer = (live: unknown, applied: unknown): unknown => (applied === undefined ? live : applied);

const own = (map: Readonly<Record<string, unknown>>, name: string): unknown =>
  Object.hasOwn(map, name) ? map[name] : undefined;
