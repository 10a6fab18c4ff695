import { readlinkSync, writeFileSync } from 'node:fs';
import { type FuseMount, mountFuse } from '@berth/fuse';
import { type Clock, deadline, type Logger, messageOf, type Rng } from '@berth/kit';
import { linuxMounter, lockFile } from '@berth/linux';
import { connectNfs, isNfsError, NfsError, type NfsNode, type NfsProtocol } from '@berth/nfs-client';
import { nfsFileSystem } from './nfs-file-system.ts';
import type { ServedShare } from './served-share.ts';
import { type Tuning, tuningOf } from './tuning.ts';

export interface ServeShareOptions {
  readonly share: ServedShare;
  /** Held for as long as this process serves. */
  readonly lockPath: string;
  /** The directory to cover, open in this process. */
  readonly targetFd: number;
  readonly clock: Clock;
  readonly rng: Rng;
  readonly log: Logger;
}

export interface ServedMount {
  /** Resolves when the mount is gone and the server has been told. */
  readonly ended: Promise<void>;
  /** Takes it away at once. */
  stop(): Promise<void>;
}

/** Below what the driver waits for this process. */
const connectMs = 25_000;
const farewellMs = 5000;
/** The kernel reads this far ahead, in requests of a megabyte; its own default is 128 KiB. */
const readAheadKb = 4096;

/**
 * Mounts a directory of an NFS server and serves it. Resolves when it can be used. `signal` ends it until it is mounted.
 * @throws NfsError, KernelError
 */
export async function serveShare(options: ServeShareOptions, signal: AbortSignal): Promise<ServedMount> {
  const { share, lockPath, targetFd, clock, log } = options;
  const lock = lockFile(lockPath);
  if (!lock) throw new Error(`another process serves ${share.source}`);
  // What an earlier one of this lock served is not what this one does.
  writeFileSync(lockPath, '');
  const tuning = tuningOf(share.tuning);
  using limit = deadline(clock, connectMs, signal);
  const client = await connect(options, tuning, limit.signal);
  try {
    const nfs = client.protocol;
    const root = await rootOf(nfs, share.subDir, limit.signal);
    const path = readlinkSync(`/proc/self/fd/${targetFd}`);
    const mount = await mountFuse({
      target: `/proc/self/fd/${targetFd}`,
      source: share.source,
      subtype: 'nfs',
      flags: share.mountFlags,
      fileSystem: (kernel) => nfsFileSystem({ ...options, nfs, root, tuning, kernel }),
      limits: { maxWriteBytes: tuning.maxWriteBytes },
      clock,
      log,
    });
    const device = deviceOf(path);
    // Earlier mounts of this lock may still be somewhere, and answer nothing: they are told from this one by it.
    writeFileSync(lockPath, device);
    raiseReadAhead(device, log);
    log.info('mounted', { source: share.source, path, version: nfs.version });
    const ended = end(mount, client, clock).finally(() => lock[Symbol.dispose]());
    ended.catch(() => undefined);
    return { ended, stop: () => mount.stop(path) };
  } catch (error) {
    await client[Symbol.asyncDispose]();
    throw error;
  }
}

async function end({ ended }: FuseMount, client: AsyncDisposable, clock: Clock): Promise<void> {
  await ended;
  // A server that is gone is not waited for: its lease ends by itself.
  await Promise.race([client[Symbol.asyncDispose](), clock.sleep(farewellMs)]);
}

async function connect({ share, clock, rng, log }: ServeShareOptions, tuning: Tuning, signal: AbortSignal) {
  const { server: host, export: path, port, privilegedPort } = share;
  const base = { host, export: path, uid: 0, gid: 0, privilegedPort, timeoutMs: tuning.timeoutMs, clock, rng, log };
  const options = port === undefined ? base : { ...base, nfsPort: port };
  if (share.version !== 4) return await connectNfs({ ...options, version: share.version }, signal);
  try {
    return await connectNfs({ ...options, version: 4.2 }, signal);
  } catch (error) {
    if (!isNfsError(error, 'MINOR_VERS_MISMATCH')) throw error;
    return await connectNfs({ ...options, version: 4.1 }, signal);
  }
}

/** Every name on the way is a directory itself: a symlink that a client planted leads nowhere. */
async function rootOf(nfs: NfsProtocol, subDir: string, signal: AbortSignal): Promise<NfsNode> {
  let node: NfsNode = { handle: nfs.root, attributes: await nfs.getattr(nfs.root, signal) };
  for (const name of subDir.split('/').filter((part) => part !== '')) {
    node = await nfs.lookup({ dir: node.handle, name }, signal);
    const { type } = node.attributes;
    if (type === 'directory') continue;
    const code = type === 'symlink' ? 'SYMLINK' : 'NOTDIR';
    throw new NfsError(code, `${JSON.stringify(name)} on the server is a ${type}, no directory`);
  }
  return node;
}

/** By the table alone: to look at the mount itself would be to wait for ourselves. */
function deviceOf(path: string): string {
  return linuxMounter.mounts().findLast(({ mountPoint }) => mountPoint === path)?.device ?? '';
}

function raiseReadAhead(device: string, log: Logger): void {
  try {
    writeFileSync(`/sys/class/bdi/${device}/read_ahead_kb`, String(readAheadKb));
  } catch (error) {
    log.debug('the kernel reads less ahead', { reason: messageOf(error) });
  }
}
