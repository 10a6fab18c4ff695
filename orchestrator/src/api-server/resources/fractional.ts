import { Quantity } from '@berth/kube';

/** Bytes come whole: `0.5Ki` does, `0.5` does not (api/pod and api/persistentvolumeclaim warnings). */
export function fractional(quantity: string | undefined, path: string): string[] {
  if (quantity === undefined) return [];
  try {
    const parsed = Quantity.parse(quantity);
    if (parsed.milliValue() === parsed.value() * 1000n) return [];
  } catch {
    return [];
  }
  return [`${path}: fractional byte value ${JSON.stringify(quantity)} is invalid, must be an integer`];
}
