import type { BigIntStats } from 'node:fs';
import * as flags from './flags.ts';
import { check, libc } from './libc.ts';
import type { Fd } from './open-in-root.ts';
import { getXattr, listXattrs, putXattr, type XattrSource } from './xattr.ts';

export interface AttributeCopy {
  /** What the attributes are of: as it was opened, since its name may be another's by now. */
  readonly source: XattrSource;
  readonly to: Fd;
  /** The copy's name in its directory; bytes, since it need not be UTF-8. */
  readonly name: Buffer;
  readonly stat: BigIntStats;
}

/** What belongs to the system, not to the file: security labels are given by the policy of where the copy is. */
const notCopied = /^(security\.(selinux|ima|evm)|system\.(nfs4_acl|btrfs)|btrfs\.|trusted\.(overlay|berth)\.)/;

/** Owner, mode, extended attributes and times of one entry. The order matters: chown(2) clears capabilities and set-id bits. */
export function copyAttributes({ source, to, name, stat }: AttributeCopy): void {
  const entry = terminated(name);
  const owner = libc.fchownat(to.number, entry, Number(stat.uid), Number(stat.gid), flags.AT_SYMLINK_NOFOLLOW);
  check(owner, 'fchownat', name.toString());
  if (!stat.isSymbolicLink()) {
    check(libc.fchmodat(to.number, entry, Number(stat.mode) & 0o7777, 0), 'fchmodat', name.toString());
  }
  copyXattrs(source, pathOf(to, name));
  const times = Buffer.alloc(32);
  for (const [offset, ns] of [stat.atimeNs, stat.mtimeNs].entries()) {
    const seconds = ns / 1_000_000_000n - (ns % 1_000_000_000n < 0n ? 1n : 0n);
    times.writeBigInt64LE(seconds, offset * 16);
    times.writeBigInt64LE(ns - seconds * 1_000_000_000n, offset * 16 + 8);
  }
  check(libc.utimensat(to.number, entry, times, flags.AT_SYMLINK_NOFOLLOW), 'utimensat', name.toString());
}

/** A device, fifo or socket like the one `stat` tells of. */
export function makeNode(to: Fd, name: Buffer, stat: BigIntStats): void {
  check(libc.mknodat(to.number, terminated(name), Number(stat.mode), stat.rdev), 'mknodat', name.toString());
}

function copyXattrs(source: XattrSource, target: Buffer): void {
  for (const key of listXattrs(source)) {
    const value = notCopied.test(key) ? undefined : getXattr(source, key);
    if (value) putXattr(target, key, value);
  }
}

function pathOf(directory: Fd, name: Buffer): Buffer {
  return Buffer.concat([Buffer.from(`${directory.path}/`), name]);
}

function terminated(name: Buffer): Buffer {
  return Buffer.concat([name, Buffer.of(0)]);
}
