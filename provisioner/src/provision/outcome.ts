import { CodedError } from '@berth/kit';
import { type GrpcCode, GrpcError, rpcErrorText } from '@berth/protos';

/**
 * What a failed attempt leaves behind, and so what must follow.
 * `NotStarted`: the driver was not asked. `Finished`: it was, and surely made nothing.
 * `InBackground`: it may have made, or still be making, the volume: the same call must be repeated until it is final.
 * `Reschedule`: surely nothing, and another node may do better. `Ignored`: somebody else makes the volume.
 */
export type Outcome = 'NotStarted' | 'Finished' | 'InBackground' | 'Reschedule' | 'Ignored';

/** A failed attempt to provision. */
export class ProvisionError extends CodedError<Outcome> {
  /** Trying sooner than at the longest interval is useless until something changes (a bad parameter). */
  readonly infeasible: boolean;

  constructor(outcome: Outcome, message: string, options: { cause?: unknown; infeasible?: boolean } = {}) {
    super(outcome, message, options.cause === undefined ? {} : { cause: options.cause });
    this.infeasible = options.infeasible ?? false;
  }
}

/** Codes that leave open whether the driver did, or still does, the work (external-provisioner checkError). */
const uncertain: ReadonlySet<GrpcCode> = new Set<GrpcCode>([
  'CANCELLED',
  'DEADLINE_EXCEEDED',
  'UNAVAILABLE',
  'ABORTED',
]);

/** Classifies what CreateVolume threw; `mayReschedule` where a node was selected and topology matters. */
export function createFailure(error: unknown, mayReschedule: boolean): ProvisionError {
  if (!(error instanceof GrpcError)) {
    return new ProvisionError('InBackground', error instanceof Error ? error.message : String(error), { cause: error });
  }
  const outcome = createOutcome(error.code, mayReschedule);
  return new ProvisionError(outcome, rpcErrorText(error), {
    cause: error,
    infeasible: error.code === 'INVALID_ARGUMENT',
  });
}

function createOutcome(code: GrpcCode, mayReschedule: boolean): Outcome {
  if (code === 'RESOURCE_EXHAUSTED') return mayReschedule ? 'Reschedule' : 'Finished';
  return uncertain.has(code) ? 'InBackground' : 'Finished';
}
