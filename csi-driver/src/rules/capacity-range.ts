import { type csi, grpcError } from '@berth/protos';
import { sizeOf } from './int64.ts';

/** A capacity range with numbers; `limitBytes` is Infinity where the CO set none. */
export interface SizeRange {
  readonly requiredBytes: number;
  readonly limitBytes: number;
}

/** What a volume gets when the CO names no size. */
const defaultBytes = 1024 ** 3;

/** @throws GrpcError INVALID_ARGUMENT – negative, or a limit below what is required; OUT_OF_RANGE – too large. */
export function sizeRangeOf(range: csi.CapacityRange | null): SizeRange {
  const requiredBytes = sizeOf(range?.requiredBytes ?? '0', 'capacity_range.required_bytes');
  const limitBytes = sizeOf(range?.limitBytes ?? '0', 'capacity_range.limit_bytes') || Number.POSITIVE_INFINITY;
  if (limitBytes < requiredBytes) {
    throw grpcError(
      'INVALID_ARGUMENT',
      `capacity_range: limit_bytes ${limitBytes} is less than required_bytes ${requiredBytes}`,
    );
  }
  return { requiredBytes, limitBytes };
}

/** The size a new volume gets. */
export function newSizeOf({ requiredBytes, limitBytes }: SizeRange): number {
  return requiredBytes > 0 ? requiredBytes : Math.min(defaultBytes, limitBytes);
}

export function fits(capacityBytes: number, { requiredBytes, limitBytes }: SizeRange): boolean {
  return capacityBytes >= requiredBytes && capacityBytes <= limitBytes;
}
