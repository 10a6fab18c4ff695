import type { Clock, Logger } from '@berth/kit';
import { GrpcError } from '@berth/protos';
import type { CsiClients } from './csi-clients.ts';

/** A driver that starts beside us is there by then, and nothing is said of it. */
const firstMs = 1_000;
const longestMs = 300_000;

interface Absence {
  readonly sinceMs: number;
  tellAtMs: number;
  gapMs: number;
}

/** The driver is there, and is not ready yet. */
export class NotReady extends GrpcError {
  constructor() {
    super('UNAVAILABLE', 'the driver answers that it is not ready');
  }
}

/** One a driver: several wait for it, and one of them says so. */
const absences = new WeakMap<CsiClients, Absence>();

/** The driver did not answer again: says so after a second, and then at growing distance. */
export function tellAbsent(
  { clients, clock, log }: { readonly clients: CsiClients; readonly clock: Clock; readonly log: Logger },
  error: GrpcError,
): void {
  const nowMs = clock.monotonicMs();
  log.debug('the CSI driver is not ready, will ask again', { error });
  const absence = absences.get(clients) ?? { sinceMs: nowMs, tellAtMs: nowMs + firstMs, gapMs: firstMs };
  absences.set(clients, absence);
  if (nowMs < absence.tellAtMs) return;
  absence.gapMs = Math.min(2 * absence.gapMs, longestMs);
  absence.tellAtMs = nowMs + absence.gapMs;
  const waitedSeconds = Math.round((nowMs - absence.sinceMs) / 1000);
  const socket = clients.endpoint?.replace(/^unix:(\/\/)?/, '');
  log.warn(wordsOf(error), { ...(socket === undefined ? {} : { socket }), waitedSeconds });
}

export function forgetAbsence(clients: CsiClients): void {
  absences.delete(clients);
}

function wordsOf(error: GrpcError): string {
  if (error instanceof NotReady) return 'waiting for the CSI driver, which answers that it is not ready';
  if (error.code === 'DEADLINE_EXCEEDED') return 'waiting for the CSI driver, which does not answer: see its log';
  return 'waiting for the CSI driver, as nothing listens at its socket: start it, or name the socket it has';
}
