import type { EndpointSubset } from '@berth/kube';

/** So many addresses Endpoints tell at most (endpoints maxCapacity). */
const mostAddresses = 1000;

/**
 * What is told of more addresses than fit, undefined where all do: the first of each subset, as many as is its share of all.
 * Those that are not ready have the room that ready ones leave (endpoints truncateEndpoints). What is left of a subset
 * without addresses is not told, which upstream's tries in vain to write.
 */
export function truncatedSubsets(subsets: readonly EndpointSubset[]): EndpointSubset[] | undefined {
  const count = (side: Side) => subsets.reduce((sum, subset) => sum + (subset[side] ?? []).length, 0);
  const ready = count('addresses');
  if (ready + count('notReadyAddresses') <= mostAddresses) return;
  const cut: Side = ready > mostAddresses ? 'addresses' : 'notReadyAddresses';
  const total = count(cut);
  const room = cut === 'addresses' ? mostAddresses : mostAddresses - ready;
  let left = room;
  return subsets.flatMap(({ addresses, notReadyAddresses, ...rest }) => {
    const whole = (cut === 'addresses' ? addresses : notReadyAddresses) ?? [];
    const kept = whole.slice(0, Math.min(Math.ceil((whole.length / total) * room), left));
    left -= kept.length;
    const told = cut === 'addresses' ? { addresses: kept } : { addresses, notReadyAddresses: kept };
    const sides = Object.entries(told).filter(([, each]) => each !== undefined && each.length > 0);
    return sides.length > 0 ? [{ ...Object.fromEntries(sides), ...rest } as EndpointSubset] : [];
  });
}

type Side = 'addresses' | 'notReadyAddresses';
