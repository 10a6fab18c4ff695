import { Readable, Writable } from 'node:stream';
import type { WebSocket } from 'ws';
import { channelMessage, isTextual, readChannelMessage } from './channel-message.ts';
import { statusText } from './remote-status.ts';
import type { RemoteStreams, WantedStreams } from './remote-streams.ts';
import { TerminalSizes } from './terminal-sizes.ts';

/** First byte of every message (apimachinery remotecommand constants). */
const channel = { stdin: 0, stdout: 1, stderr: 2, error: 3, resize: 4, close: 255 } as const;

/** The subprotocols of commands, without any but the oldest's meaning (cri-streaming remotecommand websocket.go). */
export const commandProtocols = [
  'v5.channel.k8s.io',
  'v4.channel.k8s.io',
  'v4.base64.channel.k8s.io',
  'channel.k8s.io',
  'base64.channel.k8s.io',
];

/** A command's streams as channels of one WebSocket; v5 can close its stdin. */
export function websocketStreams(socket: WebSocket, wanted: WantedStreams, protocol: string): RemoteStreams {
  const isText = isTextual(protocol);
  const stdin = wanted.stdin ? new Readable({ read: () => socket.resume() }) : undefined;
  const sizes = wanted.tty ? new TerminalSizes() : undefined;
  const stdout = wanted.stdout ? outgoing(socket, channel.stdout, isText) : undefined;
  const stderr = wanted.stderr && !wanted.tty ? outgoing(socket, channel.stderr, isText) : undefined;
  let stdinOpen = stdin !== undefined;
  const endStdin = () => {
    if (stdinOpen) stdin?.push(null);
    stdinOpen = false;
  };
  socket.on('message', (data: Buffer) => {
    const { channel: kind, content } = readChannelMessage(data, isText);
    if (kind === channel.stdin && stdinOpen && content.length > 0) {
      if (!stdin?.push(content)) socket.pause();
    } else if (kind === channel.close && content[0] === channel.stdin) endStdin();
    else if (kind === channel.resize) sizes?.push(content);
  });
  socket.on('close', () => {
    endStdin();
    sizes?.end();
  });
  // Tells the client that the command is about to run, before it says anything.
  const first = stdout ? channel.stdout : stderr ? channel.stderr : channel.error;
  socket.send(channelMessage(first, new Uint8Array(), isText));
  return {
    ...(stdin ? { stdin } : {}),
    ...(stdout ? { stdout } : {}),
    ...(stderr ? { stderr } : {}),
    ...(sizes ? { resizes: sizes } : {}),
    finish: (status) =>
      finish(socket, channelMessage(channel.error, Buffer.from(statusText(status, protocol)), isText)),
  };
}

function outgoing(socket: WebSocket, kind: number, isText: boolean): Writable {
  const stream = new Writable({
    write(chunk: Buffer, _, done) {
      if (socket.readyState !== socket.OPEN) return done();
      socket.send(channelMessage(kind, chunk, isText), () => done());
    },
  });
  stream.on('error', () => undefined);
  return stream;
}

async function finish(socket: WebSocket, message: string | Uint8Array): Promise<void> {
  if (socket.readyState !== socket.OPEN) return;
  const closed = new Promise<void>((resolve) => socket.once('close', () => resolve()));
  // Reading goes on until the client's own goodbye has come.
  socket.resume();
  socket.send(message, () => socket.close(1000));
  await closed;
}
