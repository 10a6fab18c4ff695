import type { RequestAudit, ServerRequest } from '../server-request.ts';

/** What those who admit an operation are told of the request that asked for it. */
export interface Asked {
  /** The request's options as an object of its own: CreateOptions, UpdateOptions, DeleteOptions. */
  readonly options?: () => object;
  /** Aborts when the client is gone. */
  readonly signal?: AbortSignal;
  readonly audit?: Pick<RequestAudit, 'annotate'>;
}

export function askedOf({ signal, audit }: ServerRequest, options: () => object): Asked {
  return audit ? { signal, options, audit } : { signal, options };
}
