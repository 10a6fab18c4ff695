import { closeSync } from 'node:fs';
import { constants } from 'node:os';
import koffi from 'koffi';
import { KernelError } from './kernel-error.ts';
import { check } from './libc.ts';

const lib = koffi.load('libc.so.6');
const socket = lib.func('int socket(int domain, int type, int protocol)');
const connect = lib.func('int connect(int fd, const uint8_t *address, uint32_t length)');

const shutdown = lib.func('int shutdown(int fd, int how)');

const SHUT_WR = 1;
const AF_UNIX = 1;
const SOCK_SEQPACKET = 5;
const SOCK_CLOEXEC = 0o2000000;
/** sizeof(sun_path), with the NUL that ends it. */
const maxPathBytes = 108;

/** Tells the other side that no more packets come; its own still arrive. @throws KernelError ENOTCONN – it is gone. */
export function endPackets(fd: number): void {
  check(shutdown(fd, SHUT_WR), 'shutdown', 'SHUT_WR');
}

/** Connects to a Unix socket of type SOCK_SEQPACKET, which Node's own sockets cannot, and returns its fd. @throws KernelError */
export function connectPackets(path: string): number {
  const bytes = Buffer.from(path);
  if (bytes.length >= maxPathBytes || bytes.includes(0)) {
    throw new KernelError(
      'ENAMETOOLONG',
      constants.errno.ENAMETOOLONG,
      'connect',
      `connect ${path}: not a socket path`,
    );
  }
  const address = Buffer.alloc(2 + maxPathBytes);
  address.writeUInt16LE(AF_UNIX, 0);
  bytes.copy(address, 2);
  const fd = check(socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0), 'socket', 'SOCK_SEQPACKET');
  try {
    check(connect(fd, address, address.length), 'connect', path);
    return fd;
  } catch (error) {
    closeSync(fd);
    throw error;
  }
}
