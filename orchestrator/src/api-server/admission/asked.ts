import type { RequestAudit, ServerRequest } from '../server-request.ts';

/** What those who admit an operation are told of the request that asked for it. */
export interface Asked {
  /** The request's options as an object of its own: CreateOptions, UpdateOptions, DeleteOptions. */
  readonly options?: () => object;
  /** Aborts when the client is gone. */
  readonly signal?: AbortSignal;
  readonly audit?: Pick<RequestAudit, 'annotate' | 'bodies'>;
  /** By the request's method: `create`, `update`, `patch`. An object that is not there yet may be created by each of them. */
  readonly verb?: string;
  /** The server itself wants it, to be there at all: nobody outside is asked. */
  readonly own?: boolean;
}

/** What the server needs to start is not refused by a webhook that only answers once it has started. */
export const own: Asked = { own: true };

export function askedOf({ method, signal, audit }: ServerRequest, options: () => object): Asked {
  const verb = method === 'PATCH' ? 'patch' : method === 'POST' ? 'create' : 'update';
  return audit ? { signal, options, verb, audit } : { signal, options, verb };
}
