import { CelError, noSuchOverload } from '../values/cel-error.ts';
import { none, Optional } from '../values/optional.ts';
import type { Result, Value } from '../values/value.ts';
import { type Frame, isError, type Step } from './frame.ts';
import { qualify } from './qualifier.ts';

/**
 * A variable or a value with the keys that lead into it, resolved as one. Costs are counted as cel-go's observers do:
 * one for each key, one for the whole where it is a step of its own and no conditional.
 */
export interface Attribute {
  readonly conditional: boolean;
  add(qualifier: Qualifier): void;
  resolve(frame: Frame): Result;
}

export interface Qualifier {
  /** The key itself, or what gives it. */
  readonly key: Value | undefined;
  readonly step?: (frame: Frame) => Result;
  /** Nothing there is no error. */
  readonly optional: boolean;
  /** `has()`: gives whether it is there. */
  readonly testOnly: boolean;
}

/** What stands before the keys. */
export class RootedAttribute implements Attribute {
  readonly conditional = false;
  readonly #root: Step;
  readonly #qualifiers: Qualifier[] = [];

  constructor(root: Step) {
    this.#root = root;
  }

  add(qualifier: Qualifier): void {
    this.#qualifiers.push(qualifier);
  }

  resolve(frame: Frame): Result {
    let value = this.#root(frame);
    if (isError(value)) return value;
    let optional = value instanceof Optional && this.#qualifiers.length > 0;
    if (value instanceof Optional && optional) {
      if (value.value === undefined) return value;
      value = value.value;
    }
    for (const qualifier of this.#qualifiers) {
      optional ||= qualifier.optional;
      const next = apply(frame, value, qualifier, optional);
      if (next === undefined) return qualifier.testOnly ? false : none;
      if (isError(next)) return next;
      value = next;
    }
    return optional ? new Optional(value) : value;
  }
}

/** One key further; undefined: an optional one that is not there. */
function apply(frame: Frame, value: Value, qualifier: Qualifier, optional: boolean): Result | undefined {
  const { meter } = frame.run;
  let { key } = qualifier;
  if (key === undefined) {
    const given = (qualifier.step as Step)(frame);
    if (isError(given)) {
      if (!optional) meter.add(1);
      return given;
    }
    key = given;
  }
  const found = qualify(value, key, optional || qualifier.testOnly);
  if (qualifier.testOnly) {
    if (optional && found === undefined) return undefined;
    meter.add(1);
    return isError(found) ? found : found !== undefined;
  }
  if (found !== undefined && !(optional && isError(found))) meter.add(1);
  return found;
}

/** `c ? a : b`: keys go into both. */
export class ConditionalAttribute implements Attribute {
  readonly conditional = true;
  readonly #condition: Step;
  readonly #yes: Attribute;
  readonly #no: Attribute;

  constructor(condition: Step, yes: Attribute, no: Attribute) {
    this.#condition = condition;
    this.#yes = yes;
    this.#no = no;
  }

  add(qualifier: Qualifier): void {
    this.#yes.add(qualifier);
    this.#no.add(qualifier);
  }

  resolve(frame: Frame): Result {
    const condition = this.#condition(frame);
    if (condition === true) return this.#yes.resolve(frame);
    if (condition === false) return this.#no.resolve(frame);
    return condition instanceof CelError ? condition : noSuchOverload;
  }
}
