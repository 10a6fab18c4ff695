import { FuseError } from '../fuse-error.ts';
import { fuseMajor, fuseMinor, initFlag, initFlag2, oldestMinor, pageBytes } from '../wire/protocol.ts';
import type { InitReply } from '../wire/replies.ts';
import type { readInit } from '../wire/requests.ts';

export interface ServerLimits {
  /** Of one WRITE. */
  readonly maxWriteBytes: number;
  readonly maxReadaheadBytes: number;
  readonly maxBackground: number;
}

/**
 * What is wanted wherever the kernel has it. Not the writeback cache: another client's changes would be written over.
 * Not locks: the kernel keeps them among this machine's processes.
 */
const wanted =
  initFlag.asyncRead |
  initFlag.atomicTruncate |
  initFlag.bigWrites |
  initFlag.autoInvalidate |
  initFlag.readdirplus |
  initFlag.readdirplusAuto |
  initFlag.asyncDirect |
  initFlag.parallelDirectoryOperations |
  initFlag.handlesKillPrivileges |
  initFlag.maxPages |
  initFlag.cacheSymlinks |
  initFlag.extended;

/** `again`: the kernel is to say its version once more, in a major that both know. */
export type Negotiated = { readonly reply: InitReply; readonly again: boolean };

/** Answers INIT. @throws FuseError EPROTO – the kernel is too old. */
export function negotiate(init: ReturnType<typeof readInit>, limits: ServerLimits): Negotiated {
  const maxPages = Math.min(0xffff, Math.ceil(limits.maxWriteBytes / pageBytes));
  const reply = {
    major: fuseMajor,
    minor: Math.min(fuseMinor, init.minor),
    maxReadahead: Math.min(init.maxReadahead, limits.maxReadaheadBytes),
    flags: init.flags & wanted,
    flags2: init.flags & initFlag.extended ? init.flags2 & initFlag2.directMmap : 0,
    maxBackground: limits.maxBackground,
    maxWriteBytes: limits.maxWriteBytes,
    maxPages,
  };
  if (init.major > fuseMajor) return { reply: { ...reply, minor: fuseMinor }, again: true };
  if (init.major < fuseMajor || init.minor < oldestMinor)
    throw new FuseError(
      'EPROTO',
      `the kernel speaks FUSE ${init.major}.${init.minor}, needed is ${fuseMajor}.${oldestMinor}`,
    );
  return { reply, again: false };
}
