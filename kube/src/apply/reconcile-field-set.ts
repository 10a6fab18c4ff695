import { type FieldSet, FieldSetBuilder, hasElement, isEmptySet, recursiveDifference, union } from './field-set.ts';
import { deduced, type MergeList, type MergeMap, type MergeType } from './merge-type.ts';
import type { PathElement } from './path-element.ts';

/**
 * A set that was written when the schema was another: what is one value by now is owned as one, without what was below it.
 * The way back, from one value to its parts, needs nothing (structured-merge-diff ReconcileFieldSetWithSchema).
 */
export function reconcileFieldSet(set: FieldSet, type: MergeType): FieldSet {
  const walk = new Reconciling();
  walk.type(set, type, false);
  if (!walk.found) return set;
  const whole = walk.whole.build();
  return union(recursiveDifference(set, whole), whole);
}

class Reconciling {
  readonly whole = new FieldSetBuilder();
  found = false;

  type(set: FieldSet | undefined, { map, scalar, list }: MergeType, isWhole: boolean): void {
    if (map) this.#map(set, map, isWhole);
    else if (!scalar && list) this.#list(set, list, isWhole);
  }

  #list(set: FieldSet | undefined, { atomic, element }: MergeList, isWhole: boolean): void {
    if (atomic) {
      if (!isWhole) this.#take();
      return;
    }
    this.#children(set, () => element);
  }

  #map(set: FieldSet | undefined, map: MergeMap, isWhole: boolean): void {
    const { atomic, fields, element } = map;
    if (element === deduced && fields.size === 0) return;
    if (atomic) {
      if (!isWhole && set && !isEmptySet(set)) this.#take();
      return;
    }
    this.#children(set, (step) => (step.startsWith('f:') ? (fields.get(step.slice(2)) ?? element) : element));
  }

  #children(set: FieldSet | undefined, typeAt: (step: PathElement) => MergeType | undefined): void {
    for (const [step, node] of Object.entries(set ?? {})) {
      const type = step === '.' ? undefined : typeAt(step);
      if (!type) continue;
      const bare = isEmptySet(node);
      this.whole.enter(step);
      this.type(bare ? undefined : node, type, bare && hasElement(set as FieldSet, step));
      this.whole.leave();
    }
  }

  #take(): void {
    this.found = true;
    this.whole.insert();
  }
}
