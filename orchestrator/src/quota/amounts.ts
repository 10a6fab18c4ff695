import { Quantity } from '@berth/kube';

/** Quantities by resource name. */
export type Amounts = ReadonlyMap<string, Quantity>;

export function amountsOf(list: Readonly<Record<string, unknown>> | undefined | null): Map<string, Quantity> {
  return new Map(Object.entries(list ?? {}).map(([name, text]) => [name, Quantity.parse(String(text))]));
}

export function plus(a: Amounts, b: Amounts): Map<string, Quantity> {
  return merged(a, b, (x, y) => x.add(y));
}

export function minus(a: Amounts, b: Amounts): Map<string, Quantity> {
  return merged(a, b, (x, y) => x.subtract(y));
}

export function atLeast(a: Amounts, b: Amounts): Map<string, Quantity> {
  return merged(a, b, (x, y) => (x.compare(y) >= 0 ? x : y));
}

export function only(amounts: Amounts, names: Iterable<string>): Map<string, Quantity> {
  const wanted = new Set(names);
  return new Map([...amounts].filter(([name]) => wanted.has(name)));
}

/** As objects have it. */
export function listOf(amounts: Amounts): Record<string, string> {
  return Object.fromEntries([...amounts].map(([name, quantity]) => [name, quantity.toString()]));
}

function merged(a: Amounts, b: Amounts, merge: (x: Quantity, y: Quantity) => Quantity): Map<string, Quantity> {
  const result = new Map(a);
  for (const [name, quantity] of b) result.set(name, merge(result.get(name) ?? Quantity.zero, quantity));
  return result;
}
