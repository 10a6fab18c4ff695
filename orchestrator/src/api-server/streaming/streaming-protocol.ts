import type { IncomingHttpHeaders } from 'node:http';
import { apiError } from '@berth/kube';

export const spdyUpgrade = 'SPDY/3.1';

/** What a client offers in a header that may repeat and may list, in its order. */
export function offered(headers: IncomingHttpHeaders, name: string): string[] {
  return [headers[name] ?? []]
    .flat()
    .flatMap((value) => value.split(','))
    .map((value) => value.trim())
    .filter((value) => value !== '');
}

/** Which upgrade a request asks for. @throws ApiError BadRequest – none that is served */
export function upgradeKind(headers: IncomingHttpHeaders): 'websocket' | 'spdy' {
  const wanted = offered(headers, 'upgrade').map((value) => value.toLowerCase());
  if (wanted.includes('websocket')) return 'websocket';
  if (wanted.includes(spdyUpgrade.toLowerCase())) return 'spdy';
  throw apiError('BadRequest', 'Upgrade request required');
}

/** The first protocol the client names that the server speaks. @throws ApiError Forbidden – they have none in common */
export function negotiate(client: readonly string[], server: readonly string[]): string {
  const found = client.find((protocol) => server.includes(protocol));
  if (found !== undefined) return found;
  throw apiError(
    'Forbidden',
    `unable to upgrade: unable to negotiate protocol: client supports [${client.join(' ')}], server accepts [${server.join(' ')}]`,
  );
}
