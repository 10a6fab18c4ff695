import type { RequestLatencies } from '../request-latencies.ts';
import type { RequestAudit, ServerRequest } from '../server-request.ts';

/** What those who admit an operation are told of the request that asked for it. */
export interface Asked {
  /** The request's options as an object of its own: CreateOptions, UpdateOptions, DeleteOptions. */
  readonly options?: () => object;
  /** Aborts when the client is gone, or the request's time is over. */
  readonly signal?: AbortSignal;
  /** When that will be, by the clock's monotonicMs. */
  readonly deadlineMs?: number;
  readonly audit?: Pick<RequestAudit, 'annotate' | 'bodies'>;
  readonly latencies?: RequestLatencies;
  /** By the request's method: `create`, `update`, `patch`. An object that is not there yet may be created by each of them. */
  readonly verb?: string;
  /** The server itself wants it, to be there at all: nobody outside is asked. */
  readonly own?: boolean;
}

/** What the server needs to start is not refused by a webhook that only answers once it has started. */
export const own: Asked = { own: true };

export function askedOf(request: ServerRequest, options: () => object): Asked {
  const { method, signal, deadlineMs, audit, latencies } = request;
  const verb = method === 'PATCH' ? 'patch' : method === 'POST' ? 'create' : 'update';
  const deadline = deadlineMs === undefined ? {} : { deadlineMs };
  return { signal, options, verb, ...deadline, ...(audit ? { audit } : {}), ...(latencies ? { latencies } : {}) };
}
