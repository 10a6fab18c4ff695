import { grpcError } from '@berth/protos';

/** What becomes of a volume that is deleted, and in which pool it is to be: parameters of every backend with a pool. */
export const placeParameters = ['pool', 'onDelete', 'trashTTL'] as const;

/** How long a deleted volume is kept whose class does not say: a week. */
const defaultTtlMs = 7 * 24 * 3_600_000;
const maxTtlMs = 10 * 365 * 24 * 3_600_000;

const unitMs: Readonly<Record<string, number>> = { s: 1000, m: 60_000, h: 3_600_000, d: 24 * 3_600_000 };

/** The parameters that are left for a backend that keeps its volumes in a pool. */
export function withoutPlace(parameters: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(parameters).filter(([key]) => !placeParameters.some((own) => own === key)));
}

/**
 * How long the volume is kept after it was deleted; undefined where not at all.
 * @throws GrpcError INVALID_ARGUMENT – another word than delete or trash, or no duration.
 */
export function trashTtlOf(parameters: Readonly<Record<string, string>>): number | undefined {
  const { onDelete = 'delete', trashTTL } = parameters;
  if (onDelete !== 'delete' && onDelete !== 'trash') {
    throw grpcError('INVALID_ARGUMENT', `parameter "onDelete" is "${onDelete}"; allowed are delete, trash`);
  }
  if (onDelete === 'trash') return trashTTL === undefined ? defaultTtlMs : durationOf(trashTTL);
  if (trashTTL === undefined) return undefined;
  throw grpcError('INVALID_ARGUMENT', 'parameter "trashTTL" means nothing without "onDelete" = "trash"');
}

function durationOf(text: string): number {
  const parts = [...text.matchAll(/(\d{1,9})([smhd])/g)];
  const whole = parts.map(([part]) => part).join('') === text;
  const ms = parts.reduce((sum, [, count, unit = '']) => sum + Number(count) * (unitMs[unit] ?? 0), 0);
  if (whole && ms >= 1000 && ms <= maxTtlMs) return ms;
  throw grpcError(
    'INVALID_ARGUMENT',
    `parameter "trashTTL" is "${text}"; give a duration from 1s to 3650d, such as 72h or 7d`,
  );
}
