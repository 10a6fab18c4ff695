import { Duplex, type Readable } from 'node:stream';
import { type Program, startProgram } from '@berth/linux';
import { grpcError } from '@berth/protos';

/**
 * Runs in the pod's network namespace: a thread of ours must not enter it. Says "ok" on fd 3 once connected,
 * else why not; then relays its stdin and stdout. IPv4 loopback first, then IPv6, as CRI runtimes do.
 */
const relay = `
const net = require('node:net'), fs = require('node:fs');
const [port] = process.argv.slice(1);
const dial = (hosts) => {
  const socket = net.connect({ host: hosts[0], port: Number(port), allowHalfOpen: true });
  const refused = (error) => {
    if (hosts.length > 1) return dial(hosts.slice(1));
    fs.writeSync(3, error.message);
    process.exit(1);
  };
  socket.once('error', refused);
  socket.once('connect', () => {
    socket.off('error', refused);
    socket.on('error', () => process.exit(1));
    fs.writeSync(3, 'ok');
    fs.closeSync(3);
    process.stdin.pipe(socket);
    socket.pipe(process.stdout);
    socket.on('end', () => process.stdout.write('', () => process.exit(0)));
    process.stdout.on('error', () => process.exit(0));
  });
};
dial(['127.0.0.1', '::1']);
`;

/** A connection to `port` on the loopback of the network namespace. @throws GrpcError UNAVAILABLE – nothing listens there. */
export async function forwardPort(netns: string | undefined, port: number, signal: AbortSignal): Promise<Duplex> {
  if (!Number.isInteger(port) || port < 1 || port > 65_535) throw grpcError('INVALID_ARGUMENT', `port ${port}`);
  const node = [process.execPath, '-e', relay, String(port)];
  const [file, ...args] = netns === undefined ? node : ['nsenter', `--net=${netns}`, '--', ...node];
  const program = await startProgram(file!, args, {
    fds: ['it-reads', 'it-writes', 'null', 'it-writes'],
    signal,
  }).catch((error: Error) => {
    throw grpcError('UNAVAILABLE', `port ${port} of the pod: ${error.message}`);
  });
  const answer = await text(program.pipes[3] as Readable);
  if (answer !== 'ok') {
    program.kill('SIGKILL');
    throw grpcError('UNAVAILABLE', `port ${port} of the pod: ${answer || 'the connection could not be made'}`);
  }
  return relayed(program);
}

/** What the relay reads and writes. It ends once the program has, whatever it may still be told: all that was said arrives. */
function relayed(program: Program): Duplex {
  const [stdin, stdout] = program.pipes as readonly Duplex[] as [Duplex, Duplex];
  const stream = new Duplex({
    read: () => stdout.resume(),
    write: (chunk: Buffer, _, done) => void (stdin.writable ? stdin.write(chunk, () => done()) : done()),
    final: (done) => void (stdin.writable ? stdin.end(() => done()) : done()),
    destroy(error, done) {
      program.kill('SIGKILL');
      done(error);
    },
  });
  stdin.on('error', () => undefined);
  stdout.on('error', (error) => stream.destroy(error));
  stdout.on('data', (chunk: Buffer) => {
    if (!stream.push(chunk)) stdout.pause();
  });
  stdout.on('end', () => stream.push(null));
  return stream;
}

function text(stream: Readable): Promise<string> {
  return new Promise((resolve) => {
    let all = '';
    stream.on('data', (chunk: Buffer) => {
      all += chunk.toString();
      if (all === 'ok') resolve(all);
    });
    stream.on('error', () => resolve(all));
    stream.on('close', () => resolve(all));
  });
}
