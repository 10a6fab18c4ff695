import { STATUS_CODES } from 'node:http';
import { Readable } from 'node:stream';
import { apiError } from '@berth/kube';
import type { NodeApi, NodePage, RemoteNodeApi, UpgradedConnection } from '../../node-api.ts';
import { kubeletRequest } from './kubelet-request.ts';

/**
 * Serves exec, attach or portForward of a kubelet's own paths on a connection that changes its protocol, until it ends. What
 * there is against it is answered first, and so is what is asked of other paths, which know no other protocol.
 * @throws ApiError – nothing was written yet.
 */
export async function upgradeKubelet(
  { message, socket, head }: UpgradedConnection,
  { node, url }: { readonly node: NodeApi | RemoteNodeApi; readonly url: string },
  signal: AbortSignal,
): Promise<void> {
  const asked = kubeletRequest(url);
  if (asked?.type === 'stream' && 'passOn' in node)
    return await node.passOn({ message, socket, head }, asked.target, signal);
  const page = await node.page(message.method ?? 'GET', url, signal);
  if (asked?.type === 'stream' && !page.isStream) return await write(socket, await collected(page));
  if (asked?.type !== 'stream' || 'passOn' in node) return await write(socket, page);
  const { serveUpgrade } = await import('../../api-server/streaming/serve-upgrade.ts');
  await serveUpgrade({ request: message, socket, head, target: asked.target, node, signal });
}

interface SizedPage extends NodePage {
  readonly length?: number;
}

/** Of the few words against a stream clients of WebSockets want the length: without it they do not read them. */
async function collected(page: NodePage): Promise<SizedPage> {
  const words = Buffer.concat(await Array.fromAsync(page.chunks));
  return { ...page, length: words.length, chunks: Readable.from([words]) };
}

/** The connection ends with it. */
async function write(socket: UpgradedConnection['socket'], page: SizedPage): Promise<void> {
  const { status, contentType, chunks, length } = page;
  if (/[\r\n]/.test(contentType)) throw apiError('InternalError', 'the answer has a bad content type');
  const closed = new Promise((resolve) => socket.once('close', resolve));
  const sized = length === undefined ? '' : `Content-Length: ${length}\r\n`;
  socket.write(
    `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? status}\r\nContent-Type: ${contentType}\r\n${sized}Connection: close\r\n\r\n`,
  );
  for await (const chunk of chunks) {
    if (socket.destroyed) break;
    if (!socket.write(chunk)) await Promise.race([closed, new Promise((resolve) => socket.once('drain', resolve))]);
  }
  socket.end();
}
