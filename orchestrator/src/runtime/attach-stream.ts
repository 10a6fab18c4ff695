import { closeSync, write } from 'node:fs';
import { open } from 'node:fs/promises';
import type { Readable } from 'node:stream';
import { promisify } from 'node:util';
import { connectPackets, endPackets, startProgram } from '@berth/linux';
import type { TerminalStreams } from '../node-api.ts';
import { controlConmon } from './conmon.ts';
import type { ContainerRecord } from './records.ts';
import type { RuntimeContext } from './runtime-context.ts';

/** conmon reads no more than this of one packet and drops the rest (STDIO_BUF_SIZE is 8192). */
const maxPacketBytes = 8000;

/** conmon's first byte of every packet: which stream it came from. */
const fromStderr = 3;

/** Node cannot read a SOCK_SEQPACKET socket without blocking a thread of its pool: a child reads and adds lengths. */
const relay = `
const fs = require('node:fs'), packet = Buffer.alloc(65536);
for (let size; (size = fs.readSync(3, packet)) > 0; ) {
  const head = Buffer.alloc(4);
  head.writeUInt32LE(size);
  fs.writeSync(1, Buffer.concat([head, packet.subarray(0, size)]));
}`;

const writeFd = promisify(write);

/**
 * Joins the client to the streams of a running container through conmon. Ends with the container, and with the client's stdin
 * where the container's goes on without it: kubectl run --leave-stdin-open waits for that (containerd's ContainerIO.Attach).
 */
export async function attachStream(
  { layout }: RuntimeContext,
  record: ContainerRecord,
  streams: TerminalStreams,
  signal: AbortSignal,
): Promise<void> {
  const bundle = layout.container(record.id);
  const socket = await connectAttach(bundle);
  const program = await startProgram(process.execPath, ['-e', relay], {
    fds: ['null', 'it-writes', 'null', socket],
    signal,
  }).catch((error: unknown) => {
    closeSync(socket);
    throw error;
  });
  const sizes = streams.resizes?.[Symbol.asyncIterator]();
  try {
    const stdin = streams.stdin && sendInput(streams.stdin, socket);
    if (sizes) void followSizes(sizes, bundle);
    const received = receive(program.pipes[1] as Readable, streams);
    const { stdinOnce, tty } = record.config;
    // Input that nobody takes any more comes before the end of the container that took it.
    const detached = stdin?.then(() => (stdinOnce && !tty ? received : undefined)).catch(() => received);
    await Promise.race([received, detached ?? received]);
    signal.throwIfAborted();
  } finally {
    void sizes?.return?.();
    streams.stdin?.pause();
    program.kill('SIGKILL');
    closeSync(socket);
  }
}

/** The socket's path may be longer than an address may be (108 bytes), so it is named through its directory's fd. */
async function connectAttach(bundle: string): Promise<number> {
  await using directory = await open(bundle, 'r');
  return connectPackets(`/proc/self/fd/${directory.fd}/attach`);
}

async function sendInput(stdin: Readable, socket: number): Promise<void> {
  for await (const chunk of stdin) {
    const bytes = Buffer.from(chunk as Uint8Array);
    for (let at = 0; at < bytes.length; at += maxPacketBytes) {
      await writeFd(socket, bytes.subarray(at, at + maxPacketBytes));
    }
  }
  endPackets(socket);
}

async function receive(source: Readable, { stdout, stderr }: TerminalStreams): Promise<void> {
  let rest: Buffer = Buffer.alloc(0);
  for await (const chunk of source) {
    rest = Buffer.concat([rest, chunk as Buffer]);
    while (rest.length >= 4 && rest.length >= 4 + rest.readUInt32LE(0)) {
      const end = 4 + rest.readUInt32LE(0);
      const target = rest[4] === fromStderr ? stderr : stdout;
      target?.write(rest.subarray(5, end));
      rest = rest.subarray(end);
    }
  }
}

async function followSizes(
  sizes: AsyncIterator<{ readonly width: number; readonly height: number }>,
  bundle: string,
): Promise<void> {
  try {
    for (let next = await sizes.next(); !next.done; next = await sizes.next()) {
      await controlConmon(bundle, [1, next.value.height, next.value.width]);
    }
  } catch {
    // The client went away, or the container ended: attach ends with its own stream.
  }
}
