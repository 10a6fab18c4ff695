import { grpcError } from '@berth/protos';
import type { Placement } from './backends.ts';

type Parameters = Readonly<Record<string, string>>;

/**
 * What the class parameter `quota` leaves of the places a volume could be: `auto` (default) all, `required` and `image`
 * those that keep it to its size. Where there is none, `image` goes on with images.
 * @throws GrpcError RESOURCE_EXHAUSTED – `required`, and no pool here enforces sizes; another node's may.
 */
export function byQuota(
  parameters: Parameters,
  placements: readonly Placement[],
  candidates: (parameters: Parameters) => readonly Placement[],
): readonly Placement[] {
  const { quota, ...others } = parameters;
  if (quota !== 'required' && quota !== 'image') return placements;
  const enforcing = placements.filter(({ backend }) => backend.enforcesSize);
  if (enforcing.length > 0) return enforcing;
  if (quota === 'image') return candidates({ ...others, backend: 'image' });
  const pools = placements.map(({ pool }) => `"${pool?.name ?? 'unnamed'}"`).join(', ');
  throw grpcError(
    'RESOURCE_EXHAUSTED',
    `quota is "required", and sizes of directories are not enforced in ${pools}; the driver's log says why. quota = "image" makes an image instead`,
  );
}
