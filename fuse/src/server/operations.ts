import type { FileSystem } from '../file-system.ts';
import { FuseError } from '../fuse-error.ts';
import { DirectoryBuffer } from '../wire/directory-buffer.ts';
import { opcode } from '../wire/protocol.ts';
import * as replies from '../wire/replies.ts';
import * as requests from '../wire/requests.ts';
import type { WireReader } from '../wire/wire-reader.ts';

/** A request whose fields are read from `body`. */
export interface Request extends requests.RequestHeader {
  readonly body: WireReader;
}

/** Reads the rest of a request, does it, and answers what comes behind the reply's header. */
export type Operation = (fs: FileSystem, request: Request, signal: AbortSignal) => Promise<Uint8Array | undefined>;

/** A reply must not be larger than a kernel ever asks: a size in a request is not to be believed. */
const mostBytes = 16 << 20;
const SEEK_DATA = 3;
const SEEK_HOLE = 4;

const tree: Readonly<Record<number, Operation>> = {
  [opcode.lookup]: async (fs, { node, body, caller }, signal) =>
    replies.entryReply(await fs.lookup({ parent: node, name: body.text() }, caller, signal)),
  [opcode.getattr]: async (fs, { node, body, caller }, signal) =>
    replies.attributesReply(await fs.getattr({ node, ...requests.readGetattr(body) }, caller, signal)),
  [opcode.readlink]: async (fs, { node, caller }, signal) => await fs.readlink(node, caller, signal),
  [opcode.access]: async (fs, { node, body, caller }, signal) =>
    await done(fs.access({ node, mask: body.u32() }, caller, signal)),
  [opcode.statfs]: async (fs, { node, caller }, signal) => replies.spaceReply(await fs.statfs(node, caller, signal)),
};

const changes: Readonly<Record<number, Operation>> = {
  [opcode.setattr]: async (fs, { node, body, caller }, signal) =>
    replies.attributesReply(await fs.setattr({ node, ...requests.readSetattr(body) }, caller, signal)),
  [opcode.mknod]: async (fs, { node, body, caller }, signal) =>
    replies.entryReply(await fs.mknod(requests.readMknod(node, body), caller, signal)),
  [opcode.mkdir]: async (fs, { node, body, caller }, signal) =>
    replies.entryReply(await fs.mkdir(requests.readMkdir(node, body), caller, signal)),
  [opcode.symlink]: async (fs, { node, body, caller }, signal) =>
    replies.entryReply(await fs.symlink(requests.readSymlink(node, body), caller, signal)),
  [opcode.link]: async (fs, { node, body, caller }, signal) =>
    replies.entryReply(await fs.link(requests.readLink(node, body), caller, signal)),
  [opcode.unlink]: async (fs, { node, body, caller }, signal) =>
    await done(fs.unlink({ parent: node, name: body.text() }, caller, signal)),
  [opcode.rmdir]: async (fs, { node, body, caller }, signal) =>
    await done(fs.rmdir({ parent: node, name: body.text() }, caller, signal)),
  [opcode.rename]: async (fs, { node, body, caller }, signal) =>
    await done(fs.rename(requests.readRename(node, body, false), caller, signal)),
  [opcode.rename2]: async (fs, { node, body, caller }, signal) =>
    await done(fs.rename(requests.readRename(node, body, true), caller, signal)),
};

const files: Readonly<Record<number, Operation>> = {
  [opcode.open]: async (fs, { node, body, caller }, signal) =>
    replies.openReply(await fs.open({ node, flags: requests.readOpen(body) }, caller, signal)),
  [opcode.create]: async (fs, { node, body, caller }, signal) => {
    const { entry, opened } = await fs.create(requests.readCreate(node, body), caller, signal);
    return replies.createReply(entry, opened);
  },
  [opcode.read]: async (fs, { node, body }, signal) => await fs.read(bounded(requests.readRead(node, body)), signal),
  [opcode.write]: async (fs, { node, body }, signal) =>
    replies.writtenReply(await fs.write(requests.readWrite(node, body), signal)),
  [opcode.flush]: async (fs, { node, body }, signal) =>
    await done(fs.sync(requests.readOpenFile(node, body), 'close', signal)),
  [opcode.fsync]: async (fs, { node, body }, signal) => {
    const { file, why } = requests.readSync(node, body);
    return await done(fs.sync(file, why, signal));
  },
  [opcode.release]: async (fs, { node, body }) => await done(fs.release(requests.readOpenFile(node, body))),
};

const ranges: Readonly<Record<number, Operation>> = {
  [opcode.fallocate]: async (fs, { node, body }, signal) =>
    await done(fs.allocate(requests.readAllocate(node, body), signal)),
  [opcode.lseek]: async (fs, { node, body }, signal) => {
    const { whence, ...what } = requests.readSeek(node, body);
    if (whence !== SEEK_DATA && whence !== SEEK_HOLE) throw new FuseError('EINVAL', `lseek with whence ${whence}`);
    return replies.offsetReply(await fs.seek({ ...what, to: whence === SEEK_DATA ? 'data' : 'hole' }, signal));
  },
  [opcode.copyFileRange]: async (fs, { node, body }, signal) =>
    replies.writtenReply(await fs.copy(requests.readCopy(node, body), signal)),
};

const directories: Readonly<Record<number, Operation>> = {
  [opcode.opendir]: async (fs, { node, caller }, signal) =>
    replies.openReply(await fs.openDirectory(node, caller, signal)),
  [opcode.readdir]: (fs, request, signal) => readDirectory(fs, request, { signal, plus: false }),
  [opcode.readdirplus]: (fs, request, signal) => readDirectory(fs, request, { signal, plus: true }),
  [opcode.releasedir]: async (fs, { node, body }) => await done(fs.releaseDirectory(requests.readOpenFile(node, body))),
  [opcode.fsyncdir]: async () => undefined,
};

/** Whatever is not here is answered ENOSYS, after which kernels do not ask again. */
export const operations: Readonly<Record<number, Operation>> = {
  ...tree,
  ...changes,
  ...files,
  ...ranges,
  ...directories,
};

async function readDirectory(
  fs: FileSystem,
  { node, body }: Request,
  { signal, plus }: { readonly signal: AbortSignal; readonly plus: boolean },
): Promise<Uint8Array> {
  const { size, ...what } = bounded(requests.readRead(node, body));
  const buffer = new DirectoryBuffer(size, plus);
  await fs.readDirectory(what, buffer, signal);
  return buffer.bytes;
}

function bounded<T extends { readonly size: number }>(what: T): T {
  if (what.size > mostBytes) throw new FuseError('EINVAL', `${what.size} bytes are more than are ever read at once`);
  return what;
}

async function done(work: Promise<void>): Promise<undefined> {
  await work;
  return undefined;
}
