import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import type { Clock, Logger, Rng } from '@berth/kit';
import type { Auditor } from '../audit/auditor.ts';
import type { Authentication } from '../authentication/authentication.ts';
import type { InFlight } from '../flow-control/in-flight.ts';
import type { ServerMetrics } from '../metrics/server-metrics.ts';
import type { RequestInfo } from '../request-info.ts';
import type { RequestPipeline } from '../request-pipeline.ts';
import type { ServerRequest } from '../server-request.ts';

/** An authenticated wish to change protocols: exec, attach and port-forward. */
export interface Upgrade {
  readonly message: IncomingMessage;
  readonly socket: Duplex;
  readonly head: Buffer;
  readonly request: ServerRequest;
  /** For a refusal that is no error of ours: its code, before it is written. */
  readonly refuses?: (code: number) => void;
}

/** What requests from the wire go through. */
export interface HandlerParts {
  readonly pipeline: RequestPipeline;
  readonly clock: Clock;
  readonly rng: Rng;
  readonly log: Logger;
  readonly authentication: Authentication;
  /** Whether another server serves what is asked for. */
  readonly isRemote: (info: RequestInfo) => boolean;
  /** Takes the socket over, or throws ApiError before it wrote anything. */
  readonly upgrade: (upgrade: Upgrade) => Promise<void>;
  readonly metrics: ServerMetrics;
  /** Absent: as many as come. */
  readonly inFlight: InFlight | undefined;
  /** Absent: nothing is written down. */
  readonly auditor: Auditor | undefined;
  readonly requestTimeoutMs: number;
  /** Of how many requests of HTTP/2 each tells its client to connect anew. */
  readonly goawayChance: number;
  /** Hears of each request as it comes. */
  readonly noteRequest: () => void;
}
