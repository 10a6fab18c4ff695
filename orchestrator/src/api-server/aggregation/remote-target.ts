import type { KeyPair } from '../configuration/follow-key-pair.ts';
import type { ServerContext } from '../server-context.ts';
import type { User } from '../user.ts';
import type { HttpsTarget } from '../webhook/https-caller.ts';
import { resolveService } from '../webhook/service-resolver.ts';
import { type Headers, identityHeaders } from './forwarded-headers.ts';
import type { RemoteSpec } from './remote-api.ts';
import { forwardedUri } from './sent-target.ts';

/** Who we are to servers we stand before. */
export interface ProxyClient {
  /** PEM; absent: they have to believe us without. */
  readonly cert?: string;
  readonly key?: string;
  /** Where they are followed; absent: nowhere. */
  readonly files?: KeyPair;
}

export interface RemoteAsk {
  /** With its query, as it is sent. */
  readonly path: string;
  readonly user: User;
  readonly client: ProxyClient;
  readonly headers?: Headers;
  /** Whether it is told where the request goes, as upstream's proxy tells all but those for another protocol. */
  readonly tellsWay?: boolean;
}

/**
 * Where a request for `path` goes and what says for whom it is. The address is what the server is asked by and called in
 * errors, as upstream's: one elsewhere (ExternalName) may not know its Service's name. @throws CallError – nothing stands behind the Service.
 */
export async function remoteTarget(
  context: ServerContext,
  { service, ca, insecure }: RemoteSpec,
  { path, user, client, headers, tellsWay }: RemoteAsk,
): Promise<HttpsTarget> {
  const serverName = `${service.name}.${service.namespace}.svc`;
  const { cert, key } = client;
  const connect = await resolveService(context, service);
  const host = connect.host.includes(':') ? `[${connect.host}]` : connect.host;
  const authority = `${host}:${connect.port}`;
  const way = { 'x-forwarded-uri': forwardedUri(path), 'x-forwarded-host': authority, 'x-forwarded-proto': 'https' };
  return {
    url: `https://${authority}${path}`,
    path,
    connect,
    serverName,
    // Nothing is said for a client that says nothing.
    headers: { accept: [], 'user-agent': [], ...headers, ...(tellsWay ? way : {}), ...identityHeaders(user) },
    ...(ca === undefined ? {} : { ca }),
    ...(insecure ? { insecure: true } : {}),
    ...(cert === undefined || key === undefined ? {} : { cert, key }),
  };
}
