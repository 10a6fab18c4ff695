import { writeSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { basename, dirname, posix } from 'node:path';
import type { Readable } from 'node:stream';
import {
  createFileAt,
  type Fd,
  inspect,
  isErrno,
  linkAt,
  makeDirectoriesInRoot,
  makeDirectoryAt,
  makeNodeAt,
  openInRoot,
  removeTree,
  setModeAt,
  setOwnerAt,
  setTimesAt,
  setXattr,
  symlinkAt,
} from '@berth/linux';
import { extract, type Header } from 'tar-stream';
import { ImageError } from './image-error.ts';

/** File type bits (inode(7)). */
const fileTypes = { 'character-device': 0o020000, 'block-device': 0o060000, fifo: 0o010000 } as const;
const whiteout = '.wh.';
const opaque = '.wh..wh..opq';

/**
 * Applies a layer's tar to the file tree below `root` (OCI image spec, layer.md): files replace files, `.wh.` names delete.
 * Every path is resolved inside `root` by the kernel, so no name or planted symlink leads outside.
 * @throws ImageError Invalid – the archive is broken or names what cannot be.
 */
export async function extractLayer(tar: Readable, root: Fd): Promise<void> {
  const parser = extract();
  tar.on('error', (error) => parser.destroy(error));
  tar.pipe(parser);
  const directoryTimes: [path: string, mtimeMs: number][] = [];
  try {
    for await (const entry of parser) {
      await applyEntry(root, entry.header, entry as AsyncIterable<Buffer>);
      if (entry.header.type === 'directory' && entry.header.mtime)
        directoryTimes.push([clean(entry.header.name), entry.header.mtime.getTime()]);
    }
  } catch (error) {
    if (error instanceof ImageError || isErrno(error, 'ENOSPC', 'EROFS', 'EIO', 'EPERM')) throw error;
    throw new ImageError('Invalid', 'the layer is not a sound tar archive', { cause: error });
  }
  for (const [path, mtimeMs] of directoryTimes) restoreTime(root, path, mtimeMs);
}

async function applyEntry(root: Fd, header: Header, content: AsyncIterable<Buffer>): Promise<void> {
  const path = clean(header.name);
  const name = basename(path);
  if (path === '') return drain(content);
  using parent = openParent(root, dirname(path));
  if (name === opaque) await emptyDirectory(parent);
  else if (name.startsWith(whiteout)) await removeTree(parent, name.slice(whiteout.length));
  else return await create(root, parent, { header, name, content });
  return drain(content);
}

/** `./a//b/` → `a/b`; `..` is resolved at the root, as a chroot would. */
function clean(name: string): string {
  return posix.normalize(`/${name}`).replace(/^\/+|\/+$/g, '');
}

function openParent(root: Fd, path: string): Fd {
  const relative = path === '.' ? '' : path;
  try {
    return openInRoot(root, relative, { as: 'directory', followSymlinks: true });
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return makeDirectoriesInRoot(root, relative, 0o755);
    throw error;
  }
}

interface NewEntry {
  readonly header: Header;
  readonly name: string;
  readonly content: AsyncIterable<Buffer>;
}

async function create(root: Fd, parent: Fd, { header, name, content }: NewEntry): Promise<void> {
  if (header.type === 'directory') await createDirectory(parent, name);
  else {
    await removeTree(parent, name);
    await createLeaf(root, parent, { header, name, content });
  }
  await drain(content);
  if (header.type === 'link') return;
  setOwnerAt(parent, name, header.uid ?? 0, header.gid ?? 0);
  if (header.type !== 'symlink') setModeAt(parent, name, (header.mode ?? 0o644) & 0o7777);
  if (header.mtime) setTimesAt(parent, name, header.mtime.getTime());
}

async function createDirectory(parent: Fd, name: string): Promise<void> {
  if (makeDirectoryAt(parent, name, 0o755)) return;
  const facts = inspect(`${parent.path}/${name}`);
  if ((facts.mode & 0o170000) === 0o040000) return;
  await removeTree(parent, name);
  makeDirectoryAt(parent, name, 0o755);
}

async function createLeaf(root: Fd, parent: Fd, { header, name, content }: NewEntry): Promise<void> {
  switch (header.type) {
    case 'symlink':
      return symlinkAt(header.linkname ?? '', parent, name);
    case 'link': {
      const target = clean(header.linkname ?? '');
      using targetParent = openInRoot(root, dirname(target) === '.' ? '' : dirname(target), {
        as: 'directory',
        followSymlinks: true,
      });
      return linkAt(targetParent, basename(target), parent, name);
    }
    case 'character-device':
    case 'block-device':
    case 'fifo':
      return makeNodeAt(parent, name, fileTypes[header.type] | 0o600, {
        major: header.devmajor ?? 0,
        minor: header.devminor ?? 0,
      });
    case 'file':
    case 'contiguous-file':
      return writeFile(parent, { header, name, content });
    default:
      throw new ImageError('Invalid', `entry "${header.name}" is of type ${header.type}, which a layer cannot hold`);
  }
}

async function writeFile(parent: Fd, { header, name, content }: NewEntry): Promise<void> {
  using file = createFileAt(parent, name, 0o600);
  for await (const chunk of content) for (let at = 0; at < chunk.length; ) at += writeSync(file.number, chunk, at);
  for (const [key, value] of Object.entries((header.pax ?? {}) as Record<string, string>)) {
    if (key.startsWith('SCHILY.xattr.security.capability'))
      setXattr(file, key.slice('SCHILY.xattr.'.length), Buffer.from(value, 'latin1'));
  }
}

async function emptyDirectory(directory: Fd): Promise<void> {
  for (const name of await readdir(directory.path)) await removeTree(directory, name);
}

function restoreTime(root: Fd, path: string, mtimeMs: number): void {
  if (path === '') return;
  try {
    using parent = openInRoot(root, dirname(path) === '.' ? '' : dirname(path), {
      as: 'directory',
      followSymlinks: true,
    });
    setTimesAt(parent, basename(path), mtimeMs);
  } catch (error) {
    // A later whiteout took the directory away again.
    if (!isErrno(error, 'ENOENT', 'ENOTDIR')) throw error;
  }
}

async function drain(content: AsyncIterable<Buffer>): Promise<void> {
  for await (const _ of content);
}
