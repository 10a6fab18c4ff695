import { constants, type Dirent, type Stats } from 'node:fs';
import { chmod, chown, type FileHandle, lchown, lstat, open, readdir } from 'node:fs/promises';

export interface OwnershipOptions {
  /** The volume's root: trusted; all below it is not. */
  readonly path: string;
  readonly fsGroup: number;
  /** `fsGroupChangePolicy: OnRootMismatch`: a root that is right already stands for all below it. */
  readonly onRootMismatch?: boolean;
  readonly readOnly?: boolean;
}

const readWriteBits = 0o660;
const readOnlyBits = 0o440;
const directoryBits = 0o110;
const setgid = 0o2000;
/** open(2) O_PATH, which node does not name: a handle that reads nothing. */
const oPath = 0o10000000;
/** Entries changed at once: the pool of file threads is shared with everything else of the process. */
const parallel = 16;

/**
 * Gives a volume's files to the pod's fsGroup, group-writable, directories setgid (upstream volume_linux.go SetVolumeOwnership).
 * Walks by fd, so that no symlink leads out of the volume. A directory is changed after all below it, the root last:
 * an interrupted walk is not taken for a finished one.
 */
export async function setVolumeOwnership(options: OwnershipOptions, signal: AbortSignal): Promise<void> {
  await using root = await openDirectory(options.path);
  if (options.onRootMismatch && isRight(await root.stat(), options)) return;
  await changeTree(root, options, signal);
}

async function changeTree(directory: FileHandle, options: OwnershipOptions, signal: AbortSignal): Promise<void> {
  const base = Buffer.from(`/proc/self/fd/${directory.fd}/`);
  const entries: Dirent<Buffer>[] = await readdir(base, { withFileTypes: true, encoding: 'buffer' });
  const files = entries.filter((entry) => !entry.isDirectory()).map((entry) => Buffer.concat([base, entry.name]));
  const iterator = files.values();
  await Promise.all(
    Array.from({ length: Math.min(parallel, files.length) }, () => changeFiles(iterator, options, signal)),
  );
  for (const entry of entries) {
    if (!entry.isDirectory()) continue;
    signal.throwIfAborted();
    await using child = await openDirectory(Buffer.concat([base, entry.name]));
    await changeTree(child, options, signal);
  }
  await change(directory, options);
}

async function changeFiles(paths: IterableIterator<Buffer>, options: OwnershipOptions, signal: AbortSignal) {
  for (const path of paths) {
    signal.throwIfAborted();
    const known = await lstat(path);
    if (known.isSymbolicLink()) {
      if (known.gid !== options.fsGroup) await lchown(path, known.uid, options.fsGroup);
    } else if (!isRight(known, options)) {
      await using file = await open(path, oPath | constants.O_NOFOLLOW);
      await change(file, options);
    }
  }
}

/** Changes what the handle holds, whatever its name has become. */
async function change(file: FileHandle, options: OwnershipOptions): Promise<void> {
  const facts = await file.stat();
  if (facts.isSymbolicLink() || isRight(facts, options)) return;
  const path = `/proc/self/fd/${file.fd}`;
  // Following is right here: the last step of this path is the open file itself.
  await chown(path, facts.uid, options.fsGroup);
  await chmod(path, (facts.mode & 0o7777) | wantedBits(facts, options));
}

function wantedBits(facts: Stats, { readOnly }: OwnershipOptions): number {
  const bits = readOnly ? readOnlyBits : readWriteBits;
  return facts.isDirectory() ? bits | directoryBits | setgid : bits;
}

function isRight(facts: Stats, options: OwnershipOptions): boolean {
  const bits = wantedBits(facts, options);
  return facts.gid === options.fsGroup && (facts.mode & bits) === bits;
}

function openDirectory(path: string | Buffer): Promise<FileHandle> {
  return open(path, oPath | constants.O_DIRECTORY | constants.O_NOFOLLOW);
}
