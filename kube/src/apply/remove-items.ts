import { isRecord, setOwn } from '../json-value.ts';
import { below, type FieldSet, hasElement, isEmptySet } from './field-set.ts';
import type { MergeList, MergeMap, MergeType } from './merge-type.ts';
import { fieldElement } from './path-element.ts';
import { deduceForm, itemElement } from './typed-value.ts';

/** A copy of `value` without the fields and items of the set; null where nothing is left. */
export function removeItems(value: unknown, set: FieldSet, type: MergeType | undefined): unknown {
  const form: MergeType = type ? deduceForm(type, value) : {};
  if (form.map) return removeFromMap(value, set, form.map);
  if (form.scalar) return value;
  return form.list ? removeFromList(value, set, form.list) : null;
}

function removeFromMap(value: unknown, set: FieldSet, { atomic, fields, element }: MergeMap): unknown {
  if (!isRecord(value) || atomic) return null;
  const result: Record<string, unknown> = {};
  let any = false;
  for (const [name, item] of Object.entries(value)) {
    const step = fieldElement(name);
    if (hasElement(set, step)) continue;
    const subset = below(set, step);
    setOwn(result, name, isEmptySet(subset) ? item : removeItems(item, subset, fields.get(name) ?? element));
    any = true;
  }
  return any ? result : null;
}

function removeFromList(value: unknown, set: FieldSet, list: MergeList): unknown {
  if (!Array.isArray(value) || list.atomic) return null;
  const result: unknown[] = [];
  for (const item of value as unknown[]) {
    const place = itemElement(list, item);
    if ('why' in place) {
      result.push(item);
      continue;
    }
    if (hasElement(set, place.element)) continue;
    const subset = below(set, place.element);
    result.push(isEmptySet(subset) ? item : removeItems(item, subset, list.element));
  }
  return result.length > 0 ? result : null;
}
