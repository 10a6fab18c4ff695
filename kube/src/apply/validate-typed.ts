import { goHeld } from './go-format.ts';
import type { MergeList, MergeMap, MergeType } from './merge-type.ts';
import { fieldElement, type PathElement, printPath } from './path-element.ts';
import {
  deduceForm,
  itemElement,
  listIn,
  mapIn,
  scalarProblem,
  TypedError,
  type TypedProblem,
  type TypedValue,
} from './typed-value.ts';

/** @throws TypedError – the value does not fit its type; unless `duplicates`, items of a list with the same key do not either. */
export function validateTyped({ value, type }: TypedValue, { duplicates = false } = {}): void {
  const walk = new Validation(duplicates);
  walk.value(value, type);
  if (walk.problems.length > 0) throw new TypedError(walk.problems);
}

class Validation {
  readonly problems: TypedProblem[] = [];
  readonly #path: PathElement[] = [];
  readonly #duplicates: boolean;

  constructor(duplicates: boolean) {
    this.#duplicates = duplicates;
  }

  value(value: unknown, type: MergeType | undefined): void {
    const form = type && deduceForm(type, value);
    if (form?.map) this.#map(value, form.map);
    else if (form?.scalar) this.#scalar(value, form.scalar);
    else if (form?.list) this.#list(value, form.list);
    else this.#report('schema error: invalid atom: inlined');
  }

  #scalar(value: unknown, scalar: MergeType['scalar']): void {
    const problem = scalarProblem(scalar, value);
    if (problem !== undefined) this.#report(problem);
  }

  #map(value: unknown, { fields, element }: MergeMap): void {
    if (value === null) return;
    const map = mapIn(value);
    if (!map) return this.#report(value === undefined ? 'expected map, got nil' : `expected map, got ${goHeld(value)}`);
    for (const [name, item] of Object.entries(map)) {
      const type = fields.get(name) ?? element;
      this.#path.push(fieldElement(name));
      if (type) this.value(item, type);
      else this.#report('field not declared in schema');
      this.#path.pop();
      // One field that is not known is enough.
      if (!type) return;
    }
  }

  #list(value: unknown, list: MergeList): void {
    if (value === null) return;
    const items = listIn(value);
    if (!items) return this.#report(`expected list, got ${goHeld(value)}`);
    const seen = new Set<PathElement>();
    for (const [index, item] of items.entries()) {
      const place = list.atomic ? { element: `i:${index}` } : itemElement(list, item);
      if ('why' in place) return this.#report(`element ${index}: ${place.why}`);
      const { element } = place;
      if (!list.atomic && seen.has(element) && !this.#duplicates)
        this.#report(`duplicate entries for key ${printPath([element])}`);
      seen.add(element);
      this.#path.push(element);
      this.value(item, list.element);
      this.#path.pop();
    }
  }

  #report(message: string): void {
    this.problems.push({ path: printPath(this.#path), message });
  }
}
