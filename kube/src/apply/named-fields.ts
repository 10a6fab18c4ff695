import { type FieldSet, isEmptySet } from './field-set.ts';
import type { MergeType } from './merge-type.ts';
import type { PathElement } from './path-element.ts';

/** The set, with the struct fields on the way to its paths as members too; keys of maps and items of lists stay as they are. */
export function withNamedFields(set: FieldSet, type: MergeType | undefined): FieldSet {
  const result: Record<PathElement, FieldSet> = {};
  for (const [element, node] of Object.entries(set)) {
    if (element === '.' || isEmptySet(node)) {
      result[element] = node;
      continue;
    }
    const name = element.startsWith('f:') ? element.slice(2) : undefined;
    const field = name === undefined ? undefined : type?.map?.fields.get(name);
    const inside = name === undefined ? listElement(element, type) : (field ?? type?.map?.element);
    const children = withNamedFields(node, inside);
    result[element] = field && !('.' in children) ? { '.': {}, ...children } : children;
  }
  return result;
}

const listElement = (element: PathElement, type: MergeType | undefined) =>
  element.startsWith('k:') ? type?.list?.element : undefined;
