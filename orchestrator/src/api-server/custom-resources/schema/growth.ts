import { isRecord } from '@berth/kube';
import { additionalOf, hasDefault, itemsOf, type JsonSchema, memberOf } from './json-schema.ts';

/** What filling in defaults makes of an object, in values. */
export interface Growth {
  /** Whatever it has. */
  readonly once: number;
  /** At most, for each value it has: a list of `{}` gets the defaults of its items in each. */
  readonly each: number;
}

/** In one walk over the schema: defaults are counted, not made, as there may be any number of them in one another. */
export function growthOf(schema: JsonSchema): Growth {
  const sizes = new Map<JsonSchema, number>();
  const defaultSize = (of: JsonSchema): number => {
    if (!hasDefault(of)) return 0;
    let size = sizes.get(of);
    if (size === undefined) {
      size = filledSize(of.default, of);
      sizes.set(of, size);
    }
    return size;
  };
  const added = ({ properties = {} }: JsonSchema, there: object = {}) => {
    let sum = 0;
    for (const name in properties) if (!Object.hasOwn(there, name)) sum += defaultSize(properties[name] as JsonSchema);
    return sum;
  };
  const filledSize = (value: unknown, of: JsonSchema | undefined): number => {
    let size = 1;
    if (Array.isArray(value)) for (const item of value) size += filledSize(item, of && itemsOf(of));
    else if (isRecord(value)) {
      for (const name in value) size += filledSize(value[name], of && memberOf(of, name));
      if (of) size += added(of, value);
    }
    return size;
  };
  let [once, each] = [0, 0];
  const look = (at: JsonSchema | undefined, isRepeated: boolean) => {
    if (!at) return;
    // A null that may be none becomes the default.
    if (isRepeated) each = Math.max(each, added(at) + defaultSize(at));
    else once += added(at);
    for (const name in at.properties) look(at.properties[name], isRepeated);
    look(itemsOf(at), true);
    look(additionalOf(at), true);
  };
  look(schema, false);
  return { once, each };
}
