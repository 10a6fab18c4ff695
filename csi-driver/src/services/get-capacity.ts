import { type csi, GrpcError, grpcError } from '@berth/protos';
import type { Placement } from '../backend/backends.ts';
import type { DiskAccount } from '../backend/pool-ledger.ts';
import type { Method } from '../pipeline/pipeline.ts';
import { objectionTo } from '../rules/capability-rules.ts';
import { backendParameters, ownParameters } from '../rules/parameters.ts';
import { isHere } from '../rules/topology.ts';
import { commitmentOf } from './accounts.ts';
import type { ServiceContext } from './services.ts';

/**
 * GetCapacity: of a class in a segment, what new volumes can be given, and the largest one: what is promised to others and
 * not used yet, limits of pools and over-commit are in it (CSI spec, GetCapacity).
 */
export function getCapacity(context: ServiceContext): Method<csi.GetCapacityRequest, csi.GetCapacityResponse> {
  return {
    run: async ({ volumeCapabilities, accessibleTopology, parameters }) => {
      const own = ownParameters(parameters, context.driverName);
      const candidates = placesFor(context, own);
      const able = candidates.filter(
        ({ backend, pool }) =>
          (accessibleTopology === null || backend.remote || isHere(accessibleTopology, context.node, pool)) &&
          volumeCapabilities.every((capability) => objectionTo(capability, backend.offer) === undefined),
      );
      const { available, largest } = await together(able, own);
      if (!Number.isSafeInteger(available)) throw grpcError('INTERNAL', 'a pool reports no usable size');
      return { availableCapacity: String(available), maximumVolumeSize: { value: String(largest) } };
    },
  };
}

/** None where the class asks for sizes that nothing here enforces, or for a pool that is not there. */
function placesFor({ backends }: ServiceContext, own: Readonly<Record<string, string>>): readonly Placement[] {
  try {
    return backends.candidates(own);
  } catch (error) {
    if (error instanceof GrpcError && (error.code === 'RESOURCE_EXHAUSTED' || error.code === 'UNAVAILABLE')) return [];
    throw error;
  }
}

interface Capacity {
  readonly available: number;
  readonly largest: number;
}

async function together(placements: readonly Placement[], own: Readonly<Record<string, string>>): Promise<Capacity> {
  const disks = new Map<DiskAccount | Placement, { sum: number; most: number }>();
  let largest = 0;
  for (const placement of placements) {
    const { available, onDisk } = await capacityOf(placement, own);
    largest = Math.max(largest, available);
    // Pools on one filesystem have its room once.
    const key = placement.pool?.disk ?? placement;
    const { sum = 0, most = 0 } = disks.get(key) ?? {};
    disks.set(key, { sum: sum + available, most: Math.max(most, onDisk) });
  }
  const available = [...disks.values()].reduce((total, { sum, most }) => total + Math.min(sum, Math.floor(most)), 0);
  return { available, largest };
}

async function capacityOf({ backend, pool }: Placement, own: Readonly<Record<string, string>>) {
  const parameters = backendParameters(own, backend.name);
  if (!pool) {
    const { availableBytes } = await backend.capacity(parameters);
    return { available: availableBytes, onDisk: availableBytes };
  }
  const commitment = commitmentOf(backend, parameters);
  return { available: pool.ledger.available(commitment), onDisk: pool.ledger.onDisk(commitment) };
}
