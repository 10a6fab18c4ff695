import { type csi, grpcError } from '@berth/protos';
import type { Placement } from '../backend/backends.ts';
import type { VolumeRecord } from '../catalog/volume-record.ts';
import type { Method } from '../pipeline/pipeline.ts';
import { trashTtlOf, withoutPlace } from '../rules/deletion.ts';
import { ownParameters, sameParameters } from '../rules/parameters.ts';
import { requireFields } from '../rules/required.ts';
import { claimOf, measure } from './accounts.ts';
import { lookOnServer } from './look-on-server.ts';
import { refuseImmutable, withMutable } from './mutable-parameters.ts';
import { getVolume, type ServiceContext } from './services.ts';

type Modify = Method<csi.ControllerModifyVolumeRequest, csi.ControllerModifyVolumeResponse>;

/** ControllerModifyVolume: all of the named parameters or none; those not named stay (CSI spec, ControllerModifyVolume). */
export function modifyVolume(context: ServiceContext): Modify {
  return {
    validate: ({ volumeId }) => requireFields({ volume_id: volumeId }),
    keys: ({ volumeId }) => [volumeId],
    run: async ({ volumeId, mutableParameters }, signal) => {
      await lookOnServer(context, { kind: 'volume', id: volumeId }, { signal });
      const volume = getVolume(context, volumeId);
      const next = modified(context, volume, ownParameters(mutableParameters, context.driverName));
      if (isSame(next, volume)) return {};
      const placement = context.backends.placementOf(volume);
      const back = takeRoom(placement, volume, next);
      try {
        await placement.backend.modify?.(next, volume);
        const { parameters, trashTtlMs } = volume;
        const madeWith = volume.madeWith ?? { parameters, ...(trashTtlMs === undefined ? {} : { trashTtlMs }) };
        await context.catalog.update(next, { madeWith });
      } catch (error) {
        back();
        throw error;
      }
      measure(placement, volumeId);
      return {};
    },
  };
}

/** Whether the volume is what a modification with these parameters would make of it. */
export function isModified(
  context: ServiceContext,
  volume: VolumeRecord,
  mutable: Readonly<Record<string, string>>,
): boolean {
  return isSame(modified(context, volume, mutable), volume);
}

/** The volume as it is to be. @throws GrpcError INVALID_ARGUMENT – a parameter or a value it cannot have. */
function modified(
  context: ServiceContext,
  volume: VolumeRecord,
  mutable: Readonly<Record<string, string>>,
): VolumeRecord {
  const placement = context.backends.placementOf(volume);
  refuseImmutable(placement, mutable);
  if (Object.keys(mutable).length === 0) return volume;
  const all = withMutable({ ...volume.parameters, ...deletionOf(volume) }, mutable);
  const parameters = placement.pool ? withoutPlace(all) : all;
  placement.backend.offer.checkParameters(parameters, volume.fsType);
  const { trashTtlMs: _, ...others } = volume;
  const trashTtlMs = placement.pool ? trashTtlOf(all) : undefined;
  return { ...others, parameters, ...(trashTtlMs === undefined ? {} : { trashTtlMs }) };
}

/** What the volume's time in the trash is as parameters. */
function deletionOf({ trashTtlMs }: VolumeRecord): Record<string, string> {
  return trashTtlMs === undefined ? {} : { onDelete: 'trash', trashTTL: `${trashTtlMs / 1000}s` };
}

function isSame(a: VolumeRecord, b: VolumeRecord): boolean {
  return a.trashTtlMs === b.trashTtlMs && sameParameters(a.parameters, b.parameters);
}

/** What the pool owes the volume may change with it. Synchronous. @returns how to take it back. */
function takeRoom({ pool, backend }: Placement, volume: VolumeRecord, next: VolumeRecord): () => void {
  const [before, after] = [claimOf(backend, volume), claimOf(backend, next)];
  if (!pool || before.commitment === after.commitment) return () => undefined;
  const used = backend.usedBytes?.(volume.id) ?? 0;
  pool.ledger.release(before);
  const refusal = pool.ledger.reserve(after);
  const back = () => pool.ledger.add(before, used);
  if (!refusal) {
    pool.ledger.measured(volume.id, used);
    return () => {
      pool.ledger.release(after);
      back();
    };
  }
  back();
  throw grpcError(
    'RESOURCE_EXHAUSTED',
    `volume "${volume.id}" cannot have all of its ${volume.capacityBytes} bytes: the pool "${pool.name}" can give ${refusal.availableBytes}; ${refusal.reason}`,
  );
}
