import type { Clock, Logger, Rng } from '@berth/kit';
import type { UnixIdentity } from './rpc/credentials.ts';

export interface ConnectNfsOptions extends UnixIdentity {
  readonly host: string;
  /** The exported path, absolute. */
  readonly export: string;
  /** `auto` (default) is the newest that the server speaks: 4.2, 4.1, then 3. */
  readonly version?: 3 | 4.1 | 4.2 | 'auto';
  /** Calls come from a port below 1024, as `secure` exports demand. */
  readonly privilegedPort?: boolean;
  /** 2049 for NFSv4; asked of portmap for NFSv3. */
  readonly nfsPort?: number;
  /** Asked of portmap where absent (NFSv3 only). */
  readonly mountPort?: number;
  readonly portmapPort?: number;
  /** A call is given up as TIMEDOUT after this long, repetitions included. */
  readonly timeoutMs?: number;
  /** A call unanswered for so long is repeated over a new connection. */
  readonly stallMs?: number;
  /** Requests and replies under way at a time. */
  readonly maxInFlightBytes?: number;
  readonly clock: Clock;
  readonly rng: Rng;
  readonly log: Logger;
}
