import { type FieldSet, FieldSetBuilder } from './field-set.ts';
import type { MergeList, MergeMap, MergeType } from './merge-type.ts';
import { fieldElement, type PathElement } from './path-element.ts';
import { deduceForm, itemElement, listIn, mapIn, type TypedValue } from './typed-value.ts';

/** Every leaf and every item that a valid value mentions. */
export function fieldSetOf({ value, type }: TypedValue): FieldSet {
  const set = new FieldSetBuilder();
  collect({ set, path: [] }, value, type);
  return set.build();
}

interface Walk {
  readonly set: FieldSetBuilder;
  readonly path: PathElement[];
}

function collect(walk: Walk, value: unknown, type: MergeType | undefined): void {
  const form: MergeType = type ? deduceForm(type, value) : {};
  if (form.map) collectMap(walk, value, form.map);
  else if (form.scalar) walk.set.insert(walk.path);
  else if (form.list) collectList(walk, value, form.list);
}

function collectMap(walk: Walk, value: unknown, { atomic, fields, element }: MergeMap): void {
  if (atomic) return walk.set.insert(walk.path);
  for (const [name, item] of Object.entries(mapIn(value) ?? {})) {
    const field = fields.get(name);
    walk.path.push(fieldElement(name));
    collect(walk, item, field ?? element);
    const map = mapIn(item);
    if (!field || item === null || (map && Object.keys(map).length === 0)) walk.set.insert(walk.path);
    walk.path.pop();
  }
}

function collectList(walk: Walk, value: unknown, list: MergeList): void {
  if (list.atomic) return walk.set.insert(walk.path);
  const items = (listIn(value) ?? []).map((item) => ({ item, place: itemElement(list, item) }));
  const counts = new Map<PathElement, number>();
  for (const { place } of items)
    if ('element' in place) counts.set(place.element, (counts.get(place.element) ?? 0) + 1);
  for (const { item, place } of items) {
    if (!('element' in place)) continue;
    walk.path.push(place.element);
    // Items that are there several times are owned together, as one.
    if (counts.get(place.element) === 1) collect(walk, item, list.element);
    walk.set.insert(walk.path);
    walk.path.pop();
  }
}
