import { write, writeSync } from 'node:fs';
import { basename, dirname, posix } from 'node:path';
import { promisify } from 'node:util';
import {
  createFileAt,
  type Fd,
  inspect,
  isErrno,
  linkAt,
  makeDirectoryAt,
  makeNodeAt,
  openInRoot,
  openSegment,
  removeTree,
  setModeAt,
  setOwnerAt,
  setTimesAt,
  setXattr,
  symlinkAt,
} from '@berth/linux';
import { ImageError } from './image-error.ts';
import { LayerPaths } from './layer-paths.ts';
import { readTar, type TarEntry } from './tar-reader.ts';

/** File type bits (inode(7)). */
const fileTypes = { 'character-device': 0o020000, 'block-device': 0o060000, fifo: 0o010000 } as const;
const whiteout = '.wh.';
const opaque = '.wh..wh..opq';
/** Smaller files are written at once; larger ones on another thread, as the disk may make a writer wait. */
const writeAtOnceBytes = 16 * 1024;
const writeAside = promisify(write);

/**
 * Applies a layer's tar to the file tree below `root` (OCI image spec, layer.md): files replace files, `.wh.` names delete
 * what lower layers have. Every path is resolved inside `root` by the kernel, so no name or planted symlink leads outside.
 * @throws ImageError Invalid – the archive is broken or names what cannot be.
 */
export async function extractLayer(tar: AsyncIterable<Uint8Array>, root: Fd): Promise<void> {
  const layer = new LayerPaths();
  const directoryTimes = new Map<string, number>();
  for await (const entry of readTar(tar)) {
    const path = clean(entry.name);
    try {
      await applyEntry(root, layer, path, entry);
    } catch (error) {
      throw explain(error, entry.name);
    }
    if (entry.type === 'directory' && path !== '') directoryTimes.set(path, entry.mtimeMs);
  }
  for (const [path, mtimeMs] of directoryTimes) restoreTime(root, path, mtimeMs);
}

/** Errors that the archive is not to blame for stay what they are. */
function explain(error: unknown, name: string): unknown {
  if (error instanceof ImageError) return error;
  const shown = JSON.stringify(name.length > 200 ? `${name.slice(0, 200)}…` : name);
  const archives = ['ENOENT', 'ENOTDIR', 'ELOOP', 'ENAMETOOLONG', 'EISDIR', 'EINVAL', 'EEXIST', 'EXDEV', 'EMLINK'];
  if (!(error instanceof RangeError) && !isErrno(error, ...archives)) return error;
  const text = `layer entry ${shown} cannot be made: ${(error as Error).message.slice(0, 300)}`;
  return new ImageError('Invalid', text, { cause: error });
}

async function applyEntry(root: Fd, layer: LayerPaths, path: string, entry: TarEntry): Promise<void> {
  const name = basename(path);
  if (path === '') return;
  using parent = openParent(root, dirname(path));
  if (name === opaque) return await layer.emptyBelow(parent, dirname(path));
  if (name.startsWith(whiteout)) {
    const hidden = name.slice(whiteout.length);
    if (hidden === '' || hidden === '.' || hidden === '..') throw new RangeError('a whiteout of no name');
    return await layer.remove(parent, posix.join(dirname(path), hidden));
  }
  await create(root, parent, name, entry);
  layer.add(path);
}

/** `./a//b/` → `a/b`; `..` is resolved at the root, as a chroot would. */
function clean(name: string): string {
  return posix.normalize(`/${name}`).replace(/^\/+|\/+$/g, '');
}

/** The directory, with those on the way to it that the archive left out. */
function openParent(root: Fd, path: string): Fd {
  const relative = path === '.' ? '' : path;
  try {
    return openInRoot(root, relative, { as: 'directory', followSymlinks: true });
  } catch (error) {
    if (relative === '' || !isErrno(error, 'ENOENT')) throw error;
    using above = openParent(root, dirname(relative));
    makeDirectoryAt(above, basename(relative), 0o755);
    return openSegment(above, basename(relative));
  }
}

async function create(root: Fd, parent: Fd, name: string, entry: TarEntry): Promise<void> {
  if (entry.type === 'directory') await createDirectory(parent, name);
  else if (entry.type === 'link') return await createLink(root, parent, name, entry.linkName);
  else {
    await removeTree(parent, name);
    await createLeaf(parent, name, entry);
  }
  setOwnerAt(parent, name, entry.uid, entry.gid);
  if (entry.type !== 'symlink') {
    setModeAt(parent, name, entry.mode);
    setXattrs(parent, name, entry);
  }
  setTimesAt(parent, name, entry.mtimeMs);
}

async function createDirectory(parent: Fd, name: string): Promise<void> {
  if (makeDirectoryAt(parent, name, 0o755)) return;
  const facts = inspect(`${parent.path}/${name}`);
  if ((facts.mode & 0o170000) === 0o040000) return;
  await removeTree(parent, name);
  makeDirectoryAt(parent, name, 0o755);
}

/** The target is looked at before the old name goes, so that a link to itself does not lose the file. */
async function createLink(root: Fd, parent: Fd, name: string, linkName: string): Promise<void> {
  const target = clean(linkName);
  using targetParent = openInRoot(root, dirname(target) === '.' ? '' : dirname(target), {
    as: 'directory',
    followSymlinks: true,
  });
  const from = inspect(`${targetParent.path}/${basename(target)}`);
  const there = inspectIfThere(`${parent.path}/${name}`);
  if (there && from.inode === there.inode && from.device === there.device) return;
  await removeTree(parent, name);
  linkAt(targetParent, basename(target), parent, name);
}

function inspectIfThere(path: string) {
  try {
    return inspect(path);
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return undefined;
    throw error;
  }
}

async function createLeaf(parent: Fd, name: string, entry: TarEntry): Promise<void> {
  switch (entry.type) {
    case 'symlink':
      return symlinkAt(entry.linkName, parent, name);
    case 'character-device':
    case 'block-device':
    case 'fifo':
      return makeNodeAt(parent, name, fileTypes[entry.type] | 0o600, entry.device);
    case 'file':
      return await writeFile(parent, name, entry);
    default:
      throw new ImageError('Invalid', `entry "${entry.name}" is of a type that a layer cannot hold`);
  }
}

async function writeFile(parent: Fd, name: string, { content, sizeBytes }: TarEntry): Promise<void> {
  using file = createFileAt(parent, name, 0o600);
  for await (const chunk of content) {
    for (let at = 0; at < chunk.length; )
      at +=
        sizeBytes <= writeAtOnceBytes
          ? writeSync(file.number, chunk, at)
          : (await writeAside(file.number, chunk, at)).bytesWritten;
  }
}

/** After owner and mode, as changing the owner drops file capabilities. Overlay's own attributes are not the image's to set. */
function setXattrs(parent: Fd, name: string, { xattrs, type }: TarEntry): void {
  const kept = [...xattrs].filter(([key]) => key === 'security.capability' || key.startsWith('user.'));
  if (kept.length === 0 || (type !== 'file' && type !== 'directory')) return;
  using file = openInRoot(parent, name);
  for (const [key, value] of kept) {
    try {
      setXattr(file, key, value);
    } catch (error) {
      // A filesystem without user attributes (tmpfs) still holds the image; without capabilities programs would fail.
      if (key === 'security.capability' || !isErrno(error, 'EOPNOTSUPP', 'ENOTSUP')) throw error;
    }
  }
}

function restoreTime(root: Fd, path: string, mtimeMs: number): void {
  try {
    using parent = openInRoot(root, dirname(path) === '.' ? '' : dirname(path), {
      as: 'directory',
      followSymlinks: true,
    });
    setTimesAt(parent, basename(path), mtimeMs);
  } catch (error) {
    // A later entry took the directory away again.
    if (!isErrno(error, 'ENOENT', 'ENOTDIR', 'ELOOP')) throw error;
  }
}
