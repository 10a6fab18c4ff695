import { closeSync, constants, openSync } from 'node:fs';
import { constants as os } from 'node:os';
import koffi from 'koffi';
import { isErrno } from './kernel-error.ts';
import { callAsync, check } from './libc.ts';

const lib = koffi.load('libc.so.6');
const read = lib.func('int64_t read(int fd, uint8_t *buffer, size_t size)');
const poll = lib.func('int poll(uint8_t *fds, unsigned long count, int timeoutMs)');

const { EAGAIN, EINTR, ENOENT, ENODEV, ECONNABORTED } = os.errno;
const POLLIN = 1;

/** The kernel's side of a file system that a process serves (fuse(4)). */
export interface FuseChannel extends Disposable {
  /** For mount(2)'s option `fd`. */
  readonly fd: number;
  /** Takes one request, whole, into the buffer. `empty`: there is none now. `gone`: unmounted, there will be none. */
  read(buffer: Uint8Array): number | 'empty' | 'gone';
  /** Resolves when there is something to read, on a thread of the pool. One at a time. */
  wait(): Promise<void>;
}

/** Opens a channel that is not mounted yet. @throws Error ENOENT, ENODEV – the kernel has no FUSE. */
export function openFuseChannel(): FuseChannel {
  const fd = openSync('/dev/fuse', constants.O_RDWR | constants.O_NONBLOCK);
  const asked = Buffer.alloc(8);
  asked.writeInt32LE(fd, 0);
  asked.writeInt16LE(POLLIN, 4);
  return {
    fd,
    read: (buffer) => {
      while (true) {
        const bytes = Number(read(fd, buffer, buffer.length));
        if (bytes >= 0) return bytes;
        const errno = koffi.errno();
        if (errno === EAGAIN) return 'empty';
        if (errno === ENODEV || errno === ECONNABORTED) return 'gone';
        // ENOENT: whoever asked was interrupted before the request was read.
        if (errno !== EINTR && errno !== ENOENT) check(bytes, 'read', '/dev/fuse');
      }
    },
    wait: async () => {
      try {
        await callAsync(poll, [asked, 1, -1], { syscall: 'poll', what: '/dev/fuse' });
      } catch (error) {
        if (!isErrno(error, 'EINTR')) throw error;
      }
    },
    [Symbol.dispose]: () => closeSync(fd),
  };
}
