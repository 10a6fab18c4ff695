import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { type WebSocket, WebSocketServer } from 'ws';

/** kubectl sends 32 KiB at a time; other clients send a whole stdin in one message. */
const maxMessageBytes = 16 * 1024 * 1024;

export interface UpgradeSocket {
  readonly request: IncomingMessage;
  readonly socket: Duplex;
  /** What the client sent after its request already. */
  readonly head: Buffer;
}

/**
 * Completes the WebSocket handshake with a protocol the client offered, if any. The header is written here and hidden from ws,
 * which refuses names with a slash, such as `SPDY/3.1+portforward.k8s.io`.
 */
export function acceptWebSocket({ request, socket, head }: UpgradeSocket, protocol: string): Promise<WebSocket> {
  const server = new WebSocketServer({
    noServer: true,
    perMessageDeflate: false,
    maxPayload: maxMessageBytes,
  });
  delete request.headers['sec-websocket-protocol'];
  if (protocol !== '') server.on('headers', (headers) => headers.push(`Sec-WebSocket-Protocol: ${protocol}`));
  return new Promise((resolve, reject) => {
    const onClose = () => reject(new Error('the client left during the handshake'));
    socket.once('close', onClose);
    server.handleUpgrade(request, socket, head, (accepted) => {
      socket.off('close', onClose);
      accepted.on('error', () => accepted.terminate());
      resolve(accepted);
    });
  });
}

/** Completes the SPDY handshake; the bytes that follow are frames. */
export function acceptSpdy(socket: Duplex, protocol: string): void {
  const lines = [
    'HTTP/1.1 101 Switching Protocols',
    'Connection: Upgrade',
    'Upgrade: SPDY/3.1',
    `X-Stream-Protocol-Version: ${protocol}`,
  ];
  socket.write(`${lines.join('\r\n')}\r\n\r\n`);
}
