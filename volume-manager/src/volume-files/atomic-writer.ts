import {
  chmodSync,
  chownSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  rmSync,
  symlinkSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { basename, dirname, join, normalize } from 'node:path';
import { type Rng, randomSuffix } from '@berth/kit';
import { type Fd, isErrno, makeDirectoriesInRoot, openRoot, openSegment, removeTree } from '@berth/linux';
import { type Payload, validatePayloadPath } from './payload.ts';

const dataLink = '..data';
const newDataLink = '..data_tmp';

export interface AtomicWrite {
  readonly directory: string;
  readonly payload: Payload;
  readonly nowMs: number;
  readonly rng: Rng;
  /** Owners and modes of the new files, set before a container can see them. */
  readonly prepare?: () => Promise<void>;
}

/**
 * Replaces a volume's files all at once (upstream atomic_writer.go): a new timestamped directory, then `..data` renamed over
 * the old link. Readers see the old set or the new one. @returns whether anything was written.
 */
export async function writeAtomically(write: AtomicWrite): Promise<boolean> {
  const payload = cleaned(write.payload);
  using root = openRoot(write.directory);
  const oldName = readData(root);
  if (oldName !== undefined && isUnchanged(root, oldName, payload)) {
    linkTopNames(root, payload);
    return false;
  }
  const name = `..${timestamp(write.nowMs)}.${randomSuffix(write.rng, 10)}`;
  mkdirSync(join(root.path, name), { mode: 0o755 });
  {
    using fresh = openSegment(root, name);
    chmodSync(fresh.path, 0o755);
    for (const [path, file] of payload) writeFile(fresh, path, file);
    await write.prepare?.();
  }
  rmSync(join(root.path, newDataLink), { force: true });
  symlinkSync(name, join(root.path, newDataLink));
  renameSync(join(root.path, newDataLink), join(root.path, dataLink));
  linkTopNames(root, payload);
  removeStale(root, payload);
  await removeOldSets(root, name);
  return true;
}

function cleaned(payload: Payload): Payload {
  return new Map(
    [...payload].map(([path, file]) => {
      validatePayloadPath(path);
      return [normalize(path), file] as const;
    }),
  );
}

/** The name of the current timestamped directory; undefined before the first write or where the link is not one of ours. */
function readData(root: Fd): string | undefined {
  try {
    const name = readlinkSync(join(root.path, dataLink));
    return name.startsWith('..') && !name.includes('/') && name.length > 2 ? name : undefined;
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return undefined;
    throw error;
  }
}

function isUnchanged(root: Fd, name: string, payload: Payload): boolean {
  try {
    using current = openSegment(root, name);
    const paths = readdirSync(current.path, { recursive: true, withFileTypes: true, encoding: 'utf8' }).filter(
      (entry) => !entry.isDirectory(),
    );
    if (paths.length !== payload.size) return false;
    for (const [path, file] of payload) {
      const at = join(current.path, path);
      if (!lstatSync(at).isFile() || !readFileSync(at).equals(file.data)) return false;
    }
    return true;
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ENOTDIR', 'EISDIR', 'ELOOP')) return false;
    throw error;
  }
}

function writeFile(
  root: Fd,
  path: string,
  { data, mode, uid }: { data: Buffer; mode: number; uid?: number | undefined },
) {
  using directory = makeDirectoriesInRoot(root, dirname(path), 0o755);
  const at = join(directory.path, basename(path));
  writeFileSync(at, data, { mode: 0o600, flag: 'wx' });
  chmodSync(at, mode);
  if (uid !== undefined) chownSync(at, uid, -1);
}

function topNames(payload: Payload): Set<string> {
  return new Set([...payload.keys()].map((path) => path.split('/')[0] as string));
}

function linkTopNames(root: Fd, payload: Payload): void {
  for (const name of topNames(payload)) {
    try {
      symlinkSync(join(dataLink, name), join(root.path, name));
    } catch (error) {
      if (!isErrno(error, 'EEXIST')) throw error;
    }
  }
}

/** Names of an earlier payload lead nowhere now. */
function removeStale(root: Fd, payload: Payload): void {
  const wanted = topNames(payload);
  for (const entry of readdirSync(root.path, { withFileTypes: true })) {
    if (entry.name.startsWith('..') || wanted.has(entry.name) || !entry.isSymbolicLink()) continue;
    unlinkSync(join(root.path, entry.name));
  }
}

/** The set before this one, and what crashed writes have left. */
async function removeOldSets(root: Fd, current: string): Promise<void> {
  for (const entry of readdirSync(root.path, { withFileTypes: true })) {
    if (entry.isDirectory() && entry.name.startsWith('..') && entry.name !== current)
      await removeTree(root, entry.name);
  }
}

/** `2026_01_31_13_05_09`, as upstream names it. */
function timestamp(nowMs: number): string {
  return new Date(nowMs).toISOString().slice(0, 19).replace(/[-T:]/g, '_');
}
