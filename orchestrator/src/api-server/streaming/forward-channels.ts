import { Duplex } from 'node:stream';
import { finished } from 'node:stream/promises';
import { apiError } from '@berth/kube';
import type { WebSocket } from 'ws';
import { channelMessage, isTextual, readChannelMessage } from './channel-message.ts';
import type { PortForwarder } from './port-forward.ts';

/** What clients in Python and JavaScript speak (kubelet's portforward over wsstream); none at all is the first. */
export const forwardProtocols = ['v4.channel.k8s.io', 'v4.base64.channel.k8s.io'];

/** So many bytes that a pod does not take are held before the client has to wait. */
const highWaterMark = 256 * 1024;

/** The ports a request names, repeated or listed. @throws ApiError BadRequest – none, or no port. */
export function wantedPorts(query: URLSearchParams): number[] {
  const texts = query.getAll('ports').flatMap((text) => text.split(','));
  if (texts.length === 0) throw apiError('BadRequest', 'query parameter "port" is required');
  return texts.map((text) => {
    const port = /^\d{1,5}$/.test(text) ? Number(text) : Number.NaN;
    if (!(port <= 65535)) throw apiError('BadRequest', `unable to parse "${text}" as a port`);
    if (port < 1) throw apiError('BadRequest', `port "${text}" must be > 0`);
    return port;
  });
}

/**
 * Serves two channels a port over one WebSocket, its data and what went wrong, until all connections have ended. A message
 * begins with its channel's number; each channel's first names the port.
 */
export async function forwardChannels(
  socket: WebSocket,
  { ports, protocol, forwarder }: { ports: readonly number[]; protocol: string; forwarder: PortForwarder },
): Promise<void> {
  const isText = isTextual(protocol);
  const channels = ports.flatMap((_, i) => [channel(socket, 2 * i, isText), channel(socket, 2 * i + 1, isText)]);
  socket.on('message', (message: Buffer) => {
    const { channel: number, content: data } = readChannelMessage(message, isText);
    const to = channels[number];
    // What comes on a channel for errors goes nowhere.
    if (!to || number % 2 === 1 || data.length === 0 || to.readableEnded || to.destroyed) return;
    if (!to.push(data)) socket.pause();
  });
  socket.once('close', () => {
    for (const each of channels) each.destroy();
  });
  await Promise.all(
    ports.map(async (port, i) => {
      const [data, error] = [channels[2 * i] as Duplex, channels[2 * i + 1] as Duplex];
      for (const each of [data, error]) each.write(Uint8Array.of(port & 0xff, port >> 8));
      await forwarder.forward(data, error, port);
      // All that was said is on its way.
      await Promise.allSettled([data, error].map((each) => finished(each, { readable: false })));
    }),
  );
  // What is held back no longer has anywhere to go.
  socket.resume();
  if (socket.readyState === socket.OPEN) socket.close();
}

function channel(socket: WebSocket, number: number, isText: boolean): Duplex {
  const stream = new Duplex({
    readableHighWaterMark: highWaterMark,
    read: () => socket.resume(),
    write(chunk: Buffer, _, done) {
      if (socket.readyState !== socket.OPEN) return done();
      socket.send(channelMessage(number, chunk, isText), () => done());
    },
  });
  stream.on('error', () => undefined);
  return stream;
}
