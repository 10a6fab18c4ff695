import type { ServiceCIDR } from '@berth/kube';
import type { ObjectStorage } from '../object-storage.ts';
import type { AddressFamily } from '../resources/ip-form.ts';
import { AddressRange } from './address-range.ts';

/** The ServiceCIDR that every cluster has. */
export const defaultName = 'kubernetes';

/**
 * The ranges that cluster IPs of a family are given out of, those of the default ServiceCIDR first (ipallocator MetaAllocator).
 * `notOlderThan` 0: of those that are known here.
 */
export async function readyRanges(
  storage: ObjectStorage,
  family: AddressFamily,
  notOlderThan?: number,
): Promise<readonly AddressRange[]> {
  const { objects } = await storage.range({ namespace: '', ...(notOlderThan === undefined ? {} : { notOlderThan }) });
  const ready = objects.map(({ object }) => object as ServiceCIDR).filter(isReady);
  const isDefault = ({ metadata }: ServiceCIDR) => Number(metadata.name === defaultName);
  return ready
    .sort((a, b) => isDefault(b) - isDefault(a))
    .flatMap(({ spec }) => spec?.cidrs ?? [])
    .map((cidr) => new AddressRange(cidr))
    .filter((range) => range.family === family && range.isServed);
}

/** Nothing is given out of what goes, nor of what a controller says is not ready; where no controller runs nobody says so. */
function isReady({ metadata, status }: ServiceCIDR): boolean {
  const condition = status?.conditions?.find(({ type }) => type === 'Ready');
  return !metadata.deletionTimestamp && (condition?.status ?? 'True') === 'True';
}
