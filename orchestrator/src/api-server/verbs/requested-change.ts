import { askedOf } from '../admission/asked.ts';
import type { ResourceRoute } from '../route.ts';
import type { ServerRequest } from '../server-request.ts';
import type { WriteOptions } from '../write-options.ts';
import type { ChangeRequest } from './change-object.ts';

/** What a change has of the request that asks for it, whatever it changes. */
export function requestedChange(
  { definition, namespace, name, subresource }: ResourceRoute,
  request: ServerRequest,
  options: WriteOptions,
) {
  return {
    definition,
    namespace,
    name,
    subresource: subresource?.name ?? '',
    endpoint: subresource === undefined ? 'main' : subresource.name === 'status' ? 'status' : 'other',
    user: request.user,
    dryRun: options.dryRun,
    warn: request.warn,
    asked: askedOf(request, options.asObject),
  } satisfies Partial<ChangeRequest>;
}
