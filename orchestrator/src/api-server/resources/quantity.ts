import { apiError, Quantity, QuantityError } from '@berth/kube';

/** @throws ApiError BadRequest – not a quantity, in the words a decoder says. */
export function parseQuantity(value: unknown): Quantity {
  try {
    return Quantity.parse(String(value).trim());
  } catch (error) {
    if (error instanceof QuantityError) throw apiError('BadRequest', error.message);
    throw error;
  }
}

/** Nothing where a text that a user made up is no quantity. */
export function findQuantity(text: string): Quantity | undefined {
  try {
    return Quantity.parse(text);
  } catch (error) {
    if (error instanceof QuantityError) return undefined;
    throw error;
  }
}

/** The canonical text: no fraction, the greatest suffix that needs none (`0.5` → `500m`, `1024Mi` → `1Gi`). */
export function canonicalQuantity(value: unknown): string {
  return parseQuantity(value).toString();
}

/** Below 0, 0 or above 0, as a is less than, equal to or more than b. */
export function compareQuantities(a: unknown, b: unknown): number {
  return parseQuantity(a).compare(parseQuantity(b));
}

export function isWholeQuantity(value: unknown): boolean {
  const quantity = parseQuantity(value);
  return Quantity.of(quantity.value()).equals(quantity);
}

/** The canonical text of an entry of a resource list: at most thousandths, rounded up (SetDefaults_ResourceList). */
export function resourceAmount(value: unknown): string {
  return parseQuantity(value).roundUpToMilli().toString();
}
