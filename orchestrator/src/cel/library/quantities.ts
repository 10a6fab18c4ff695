import { Quantity } from '@berth/kube';
import { objectType } from '../language/cel-type.ts';
import { declare, type FunctionDeclaration } from '../language/declarations.ts';
import { CelError } from '../values/cel-error.ts';
import type { Opaque } from '../values/opaque.ts';
import { maxInt, minInt, type Result, type Value } from '../values/value.ts';

export const quantityType = objectType('kubernetes.Quantity');

class QuantityValue implements Opaque {
  readonly opaque = quantityType;
  readonly quantity: Quantity;

  constructor(quantity: Quantity) {
    this.quantity = quantity;
  }

  equals(other: Opaque): boolean {
    return other instanceof QuantityValue && other.quantity.equals(this.quantity);
  }

  toString(): string {
    return this.quantity.toString();
  }
}

/** Digits beyond any use; reading them takes long. */
const maxText = 1000;

function parse(text: Value): Result {
  if ((text as string).length > maxText) return new CelError('unable to parse quantity: it is too long');
  try {
    return new QuantityValue(Quantity.parse(text as string));
  } catch (error) {
    return new CelError((error as Error).message);
  }
}

const of = (value: Value): Quantity => (value as QuantityValue).quantity;

/** A whole number that fits an int64; undefined for everything else. */
function whole(value: Value): bigint | undefined {
  const quantity = of(value);
  const integer = quantity.value();
  const exact = quantity.equals(Quantity.of(integer));
  return exact && integer <= maxInt && integer >= minInt ? integer : undefined;
}

const asInteger = (value: Value): Result => whole(value) ?? new CelError('cannot convert value to integer');
const added = (a: Value, b: Quantity): Result => new QuantityValue(of(a).add(b));
const subtracted = (a: Value, b: Quantity): Result => new QuantityValue(of(a).subtract(b));
const number = (value: Value): Quantity => Quantity.of(value as bigint, 'DecimalExponent');

const self = 'kubernetes.Quantity';

/** Kubernetes' quantities. */
export const quantities: readonly FunctionDeclaration[] = [
  declare('quantity', { string_to_quantity: [`(string): ${self}`, parse] }),
  declare('isQuantity', {
    is_quantity_string: ['(string): bool', (text) => !(parse(text as Value) instanceof CelError)],
  }),
  declare('sign', { quantity_sign: [`(${self}): int`, (value) => BigInt(of(value as Value).sign)] }),
  declare('isGreaterThan', {
    quantity_is_greater_than: [`${self}.(${self}): bool`, (a, b) => of(a as Value).compare(of(b as Value)) > 0],
  }),
  declare('isLessThan', {
    quantity_is_less_than: [`${self}.(${self}): bool`, (a, b) => of(a as Value).compare(of(b as Value)) < 0],
  }),
  declare('compareTo', {
    quantity_compare_to: [`${self}.(${self}): int`, (a, b) => BigInt(of(a as Value).compare(of(b as Value)))],
  }),
  declare('asApproximateFloat', {
    quantity_get_float: [`${self}.(): double`, (value) => of(value as Value).approximate()],
  }),
  declare('asInteger', { quantity_get_int: [`${self}.(): int`, asInteger] }),
  declare('isInteger', { quantity_is_integer: [`${self}.(): bool`, (value) => whole(value as Value) !== undefined] }),
  declare('add', {
    quantity_add: [`${self}.(${self}): ${self}`, (a, b) => added(a as Value, of(b as Value))],
    quantity_add_int: [`${self}.(int): ${self}`, (a, b) => added(a as Value, number(b as Value))],
  }),
  declare('sub', {
    quantity_sub: [`${self}.(${self}): ${self}`, (a, b) => subtracted(a as Value, of(b as Value))],
    quantity_sub_int: [`${self}.(int): ${self}`, (a, b) => subtracted(a as Value, number(b as Value))],
  }),
];
