import { closeSync, constants, openSync } from 'node:fs';
import koffi from 'koffi';
import { O_CLOEXEC } from './flags.ts';
import { check } from './libc.ts';

const lib = koffi.load('libc.so.6');
const ioctlPointer = lib.func('int ioctl(int fd, unsigned long request, uint8_t *argument)');
const ioctlNumber = lib.func('ioctl', 'int', ['int', 'unsigned long', 'unsigned long']);

/** asm-generic/ioctls.h: the same on x86_64 and arm64. */
const TIOCSPTLCK = 0x40045431;
const TIOCGPTPEER = 0x5441;
const TIOCSWINSZ = 0x5414;

/** A pseudo-terminal: what is written to one end is typed at the other. Both fds are the caller's to close. */
export interface Terminal {
  readonly master: number;
  /** The end a program gets as its stdin, stdout and stderr. */
  readonly peer: number;
}

/** @throws KernelError – no pseudo-terminal is left, or /dev/pts is not mounted. */
export function openTerminal(): Terminal {
  const master = openSync('/dev/ptmx', constants.O_RDWR | constants.O_NOCTTY);
  try {
    check(ioctlPointer(master, TIOCSPTLCK, Buffer.alloc(4)), 'ioctl', 'TIOCSPTLCK');
    const how = constants.O_RDWR | constants.O_NOCTTY | O_CLOEXEC;
    const peer = check(ioctlNumber(master, TIOCGPTPEER, how), 'ioctl', 'TIOCGPTPEER');
    return { master, peer };
  } catch (error) {
    closeSync(master);
    throw error;
  }
}

export function setTerminalSize(fd: number, size: { readonly width: number; readonly height: number }): void {
  const winsize = Buffer.alloc(8);
  winsize.writeUInt16LE(size.height, 0);
  winsize.writeUInt16LE(size.width, 2);
  check(ioctlPointer(fd, TIOCSWINSZ, winsize), 'ioctl', 'TIOCSWINSZ');
}
