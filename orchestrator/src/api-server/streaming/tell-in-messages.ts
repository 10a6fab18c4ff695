import type { WebSocket } from 'ws';
import { acceptWebSocket, type UpgradeSocket } from './accept-websocket.ts';
import { negotiate, offered } from './streaming-protocol.ts';

/** What is before each event on other connections, where messages have no ends of their own (length-delimited protobuf). */
const lengthBytes = 4;

/**
 * Tells a watch's events in messages, one each: texts, or binary where they are protobuf (apiserver WatchServer.HandleWS).
 * Whatever protocol the client names alone is agreed to.
 * @throws ApiError Forbidden – it names several.
 */
export async function tellWatch(
  lines: AsyncIterable<Uint8Array>,
  contentType: string,
  upgrade: UpgradeSocket,
): Promise<void> {
  const names = offered(upgrade.request.headers, 'sec-websocket-protocol');
  const protocol = names.length > 1 ? negotiate(names, []) : (names[0] ?? '');
  const socket = await accepted(upgrade, protocol);
  if (!socket) return;
  const isText = contentType === 'application/json';
  await tell(socket, lines, (line) => (isText ? Buffer.from(line).toString() : line.subarray(lengthBytes)));
}

const binary = 'binary.k8s.io';
const base64 = 'base64.binary.k8s.io';

/** Tells a log as it comes, behind an empty message (streaming wsstream.Reader). @throws ApiError Forbidden – the client knows neither protocol. */
export async function tellStream(chunks: AsyncIterable<Uint8Array>, upgrade: UpgradeSocket): Promise<void> {
  const names = offered(upgrade.request.headers, 'sec-websocket-protocol');
  const protocol = names.length === 0 ? '' : negotiate(names, [binary, base64]);
  const socket = await accepted(upgrade, protocol);
  if (!socket) return;
  const encode = (chunk: Uint8Array) => (protocol === base64 ? Buffer.from(chunk).toString('base64') : chunk);
  await send(socket, encode(new Uint8Array()));
  await tell(socket, chunks, encode);
}

/** Undefined: the client left, or what it asked with is no handshake, which it was told. */
async function accepted(upgrade: UpgradeSocket, protocol: string): Promise<WebSocket | undefined> {
  const socket = await acceptWebSocket(upgrade, protocol).catch(() => undefined);
  // A client has nothing to say but that it leaves.
  socket?.on('message', () => undefined);
  return socket;
}

async function tell(
  socket: WebSocket,
  pieces: AsyncIterable<Uint8Array>,
  encode: (piece: Uint8Array) => string | Uint8Array,
): Promise<void> {
  for await (const piece of pieces) {
    if (socket.readyState !== socket.OPEN) return;
    await send(socket, encode(piece));
  }
  socket.close(1000);
}

/** Until the client's side takes it: a slow one holds up itself alone. */
function send(socket: WebSocket, message: string | Uint8Array): Promise<void> {
  return new Promise((resolve) => socket.send(message, () => resolve()));
}
