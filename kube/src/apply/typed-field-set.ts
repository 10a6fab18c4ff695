import { type FieldSet, FieldSetBuilder } from './field-set.ts';
import type { MergeList, MergeMap, MergeType } from './merge-type.ts';
import { fieldElement, type PathElement } from './path-element.ts';
import { deduceForm, itemElement, listIn, mapIn, type TypedValue } from './typed-value.ts';

/** Every leaf and every item that a valid value mentions. */
export function fieldSetOf({ value, type }: TypedValue): FieldSet {
  const set = new FieldSetBuilder();
  collect(set, value, type);
  return set.build();
}

function collect(set: FieldSetBuilder, value: unknown, type: MergeType | undefined): void {
  const form: MergeType = type ? deduceForm(type, value) : {};
  if (form.map) collectMap(set, value, form.map);
  else if (form.scalar) set.insert();
  else if (form.list) collectList(set, value, form.list);
}

function collectMap(set: FieldSetBuilder, value: unknown, { atomic, fields, element }: MergeMap): void {
  if (atomic) return set.insert();
  for (const [name, item] of Object.entries(mapIn(value) ?? {})) {
    const field = fields.get(name);
    set.enter(fieldElement(name));
    collect(set, item, field ?? element);
    const map = mapIn(item);
    if (!field || item === null || (map && Object.keys(map).length === 0)) set.insert();
    set.leave();
  }
}

function collectList(set: FieldSetBuilder, value: unknown, list: MergeList): void {
  if (list.atomic) return set.insert();
  const items = (listIn(value) ?? []).map((item) => ({ item, place: itemElement(list, item) }));
  const counts = new Map<PathElement, number>();
  for (const { place } of items)
    if ('element' in place) counts.set(place.element, (counts.get(place.element) ?? 0) + 1);
  for (const { item, place } of items) {
    if (!('element' in place)) continue;
    set.enter(place.element);
    // Items that are there several times are owned together, as one.
    if (counts.get(place.element) === 1) collect(set, item, list.element);
    set.insert();
    set.leave();
  }
}
