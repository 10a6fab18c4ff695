import type { IncomingMessage } from 'node:http';
import { type RequestInfo, requestInfoOf } from '../request-info.ts';
import { offered, spdyUpgrade } from '../streaming/streaming-protocol.ts';
import { targetOf } from './incoming-request.ts';
import { originForm } from './request-target.ts';

const connecting = new Set(['exec', 'attach', 'portforward']);

/**
 * What becomes of a request's wish for another protocol: its connection is handed over, or its answer told in messages of
 * a WebSocket. Undefined: it is a request like others, as with Go's server. `isRemote`: whether another server serves it.
 */
export function wantedUpgrade(
  { method = '', url = '/', headers }: IncomingMessage,
  isRemote: (info: RequestInfo) => boolean,
): 'connection' | 'messages' | undefined {
  const { path, query } = targetOf(originForm(url) ?? url);
  const info = requestInfoOf(method, path, query);
  if (info.subresource === 'proxy' || isRemote(info)) return 'connection';
  const protocols = offered(headers, 'upgrade').map((protocol) => protocol.toLowerCase());
  const isWebSocket = protocols.includes('websocket');
  if (connecting.has(info.subresource))
    return isWebSocket || protocols.includes(spdyUpgrade.toLowerCase()) ? 'connection' : undefined;
  return isWebSocket && (info.verb === 'watch' || info.subresource === 'log') ? 'messages' : undefined;
}
