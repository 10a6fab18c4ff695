import type { RequestInfo } from '../request-info.ts';
import type { User } from '../user.ts';

/** A request that wants to be served. */
export interface Arrival {
  readonly info: RequestInfo;
  readonly query: URLSearchParams;
  readonly user: User;
  /** Aborts when nobody waits for the answer any more. */
  readonly signal: AbortSignal;
  /** How long it may wait for its turn. */
  readonly waitMs: number;
}

export interface Admitted {
  readonly admitted: true;
  /** For the answer. */
  readonly headers: Readonly<Record<string, string>>;
  /** A watch has read what it begins with: from here on it costs no seat. */
  started(): void;
  /** It is served; may be called after {@link started} and again. */
  finish(): void;
}

export interface Refused {
  readonly admitted: false;
  readonly headers: Readonly<Record<string, string>>;
  readonly retryAfterSeconds: number;
}

/** Says when a request's turn has come: at once, later, or not at all. */
export interface InFlight {
  enter(arrival: Arrival): Admitted | Refused | Promise<Admitted | Refused>;
}
