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
  if (asked?.type !== 'stream' || !page.isStream || 'passOn' in node) return await write(socket, page);
  const { serveUpgrade } = await import('../../api-server/streaming/serve-upgrade.ts');
  await serveUpgrade({ request: message, socket, head, target: asked.target, node, signal });
}

/** The connection ends with it. */
async function write(socket: UpgradedConnection['socket'], { status, contentType, chunks }: NodePage): Promise<void> {
  if (/[\r\n]/.test(contentType)) throw apiError('InternalError', 'the answer has a bad content type');
  const closed = new Promise((resolve) => socket.once('close', resolve));
  socket.write(`HTTP/1.1 ${status} ${status}\r\nContent-Type: ${contentType}\r\nConnection: close\r\n\r\n`);
  for await (const chunk of chunks) {
    if (socket.destroyed) break;
    if (!socket.write(chunk)) await Promise.race([closed, new Promise((resolve) => socket.once('drain', resolve))]);
  }
  socket.end();
}
