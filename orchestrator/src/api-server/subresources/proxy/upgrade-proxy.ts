import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { protocolHeaders } from '../../aggregation/forwarded-headers.ts';
import type { Upgrade } from '../../http/listener.ts';
import type { ResourceRoute } from '../../route.ts';
import { joinSockets } from '../../webhook/tls-connection.ts';
import { proxyTarget } from './proxy-target.ts';
import { admitProxy, connected, far, type ProxyParts, splitPath, unreachable } from './serve-proxy.ts';

/** A connection that wants another protocol, such as WebSocket, joined with the pod's. @throws ApiError – nothing was written yet */
export async function upgradeProxy(
  { context, nodeApi }: ProxyParts,
  route: ResourceRoute,
  upgrade: Upgrade,
): Promise<void> {
  const { request, message, socket, head } = upgrade;
  const { prefix, rest } = splitPath(request.path);
  await admitProxy(context, { route, request }, rest);
  const target = await proxyTarget(context, route);
  const path = `${rest || '/'}${request.query.size > 0 ? `?${request.query}` : ''}`;
  if ('kubeletOf' in target) {
    const connection = { message, socket, head };
    const { upgradeKubelet } = await import('../../../kubelet/server/upgrade-kubelet.ts');
    return await upgradeKubelet(connection, { node: connected(nodeApi, target), url: path }, request.signal);
  }
  const headers = protocolHeaders(message.rawHeaders);
  const sent = far(target, { request, prefix, path, headers });
  const stop = () => sent.destroy();
  request.signal.addEventListener('abort', stop, { once: true });
  const answer = await new Promise<{ message: IncomingMessage; far?: Duplex; head?: Buffer }>((resolve, reject) => {
    sent.once('upgrade', (message, far, head) => resolve({ message, far, head }));
    sent.once('response', (message) => resolve({ message }));
    sent.once('error', (error) => reject(unreachable(error)));
    sent.end();
  });
  socket.write(headOf(answer.message));
  if (!answer.far) return void answer.message.pipe(socket);
  if (answer.head?.length) socket.write(answer.head);
  if (head.length > 0) answer.far.write(head);
  await joinSockets(socket, answer.far, request.signal);
}

/** As it came; what follows ends with the connection. */
function headOf({ statusCode = 502, statusMessage = '', rawHeaders }: IncomingMessage): Buffer {
  const lines = [`HTTP/1.1 ${statusCode} ${statusMessage}`];
  for (let i = 0; i + 1 < rawHeaders.length; i += 2)
    if (statusCode === 101 || !/^(connection|keep-alive|transfer-encoding)$/i.test(rawHeaders[i] as string))
      lines.push(`${rawHeaders[i]}: ${rawHeaders[i + 1]}`);
  if (statusCode !== 101) lines.push('Connection: close');
  return Buffer.from(`${lines.join('\r\n')}\r\n\r\n`, 'latin1');
}
