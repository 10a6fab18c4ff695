import type { ServerContext } from '../server-context.ts';
import type { User } from '../user.ts';
import type { HttpsTarget } from '../webhook/https-caller.ts';
import { resolveService } from '../webhook/service-resolver.ts';
import type { RemoteSpec } from './remote-api.ts';

/** Who we are to servers we stand before. */
export interface ProxyClient {
  /** PEM; absent: they have to believe us without. */
  readonly cert?: string;
  readonly key?: string;
}

/** Where a request for `path` goes and what says for whom it is. @throws CallError – nothing stands behind the Service. */
export async function remoteTarget(
  context: ServerContext,
  { service, ca, insecure }: RemoteSpec,
  { path, user, client }: { readonly path: string; readonly user: User; readonly client: ProxyClient },
): Promise<HttpsTarget> {
  const serverName = `${service.name}.${service.namespace}.svc`;
  const { cert, key } = client;
  return {
    url: `https://${serverName}:${service.port}${path}`,
    connect: await resolveService(context, service),
    serverName,
    headers: identityHeaders(user),
    ...(ca === undefined ? {} : { ca }),
    ...(insecure ? { insecure: true } : {}),
    ...(cert === undefined || key === undefined ? {} : { cert, key }),
  };
}

function identityHeaders({ name, uid, groups, extra = {} }: User): Record<string, string | string[]> {
  const headers: Record<string, string | string[]> = { 'x-remote-user': name, 'x-remote-group': [...groups] };
  if (uid) headers['x-remote-uid'] = uid;
  for (const [key, values] of Object.entries(extra))
    headers[`x-remote-extra-${encodeURIComponent(key).toLowerCase()}`] = [...values];
  return headers;
}
