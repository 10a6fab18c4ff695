import { type LabelSelector, Selector } from '@berth/kube';

const everything = Selector.fromObject({});
const parsed = new WeakMap<LabelSelector, Selector>();

/** The selector that a stored object has, read once for as long as the object is there. Undefined selects everything. */
export function parsedSelector(from: LabelSelector | undefined): Selector {
  if (!from) return everything;
  let selector = parsed.get(from);
  if (!selector) {
    selector = Selector.fromObject(from);
    parsed.set(from, selector);
  }
  return selector;
}
