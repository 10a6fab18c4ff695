import { Readable, Writable } from 'node:stream';
import type { Status } from '@berth/kube';
import type { WebSocket } from 'ws';
import type { RemoteStreams, WantedStreams } from './remote-streams.ts';
import { TerminalSizes } from './terminal-sizes.ts';

/** First byte of every message (apimachinery remotecommand constants). */
const channel = { stdin: 0, stdout: 1, stderr: 2, error: 3, resize: 4, close: 255 } as const;

/** The channels of `v4.channel.k8s.io` and `v5.channel.k8s.io` over one WebSocket; v5 can close its stdin. */
export function websocketStreams(socket: WebSocket, wanted: WantedStreams): RemoteStreams {
  const stdin = wanted.stdin ? new Readable({ read: () => socket.resume() }) : undefined;
  const sizes = wanted.tty ? new TerminalSizes() : undefined;
  const stdout = wanted.stdout ? outgoing(socket, channel.stdout) : undefined;
  const stderr = wanted.stderr && !wanted.tty ? outgoing(socket, channel.stderr) : undefined;
  let stdinOpen = stdin !== undefined;
  const endStdin = () => {
    if (stdinOpen) stdin?.push(null);
    stdinOpen = false;
  };
  socket.on('message', (data: Buffer) => {
    const [kind] = data;
    if (kind === channel.stdin && stdinOpen && data.length > 1) {
      if (!stdin?.push(data.subarray(1))) socket.pause();
    } else if (kind === channel.close && data[1] === channel.stdin) endStdin();
    else if (kind === channel.resize) sizes?.push(data.subarray(1));
  });
  socket.on('close', () => {
    endStdin();
    sizes?.end();
  });
  // Tells the client that the command is about to run, before it says anything.
  socket.send(Uint8Array.of(stdout ? channel.stdout : stderr ? channel.stderr : channel.error));
  return {
    ...(stdin ? { stdin } : {}),
    ...(stdout ? { stdout } : {}),
    ...(stderr ? { stderr } : {}),
    ...(sizes ? { resizes: sizes } : {}),
    finish: (status) => finish(socket, status),
  };
}

function outgoing(socket: WebSocket, kind: number): Writable {
  const stream = new Writable({
    write(chunk: Buffer, _, done) {
      if (socket.readyState !== socket.OPEN) return done();
      socket.send(Buffer.concat([Uint8Array.of(kind), chunk]), { binary: true }, () => done());
    },
  });
  stream.on('error', () => undefined);
  return stream;
}

async function finish(socket: WebSocket, status: Status): Promise<void> {
  if (socket.readyState !== socket.OPEN) return;
  const message = Buffer.concat([Uint8Array.of(channel.error), Buffer.from(JSON.stringify(status))]);
  const closed = new Promise<void>((resolve) => socket.once('close', () => resolve()));
  // Reading goes on until the client's own goodbye has come.
  socket.resume();
  socket.send(message, { binary: true }, () => socket.close(1000));
  await closed;
}
