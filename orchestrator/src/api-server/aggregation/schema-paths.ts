import type { SchemaHandler } from '../request-pipeline.ts';
import type { ServerContext } from '../server-context.ts';
import type { RemoteApis } from './remote-apis.ts';
import type { RemoteSchemas } from './remote-schemas.ts';

/** `/openapi/v2` and `/openapi/v3` with what other servers' schemas say, while there are such; else the server's own answer. */
export function remoteSchemaPaths(context: ServerContext, apis: RemoteApis): SchemaHandler {
  let known: Promise<RemoteSchemas> | undefined;
  return async (segments, request, own) => {
    if (apis.isEmpty) return own(request);
    known ??= import('./remote-schemas.ts').then(({ RemoteSchemas }) => new RemoteSchemas(context, apis));
    return (await known).answer(segments, request, own);
  };
}
