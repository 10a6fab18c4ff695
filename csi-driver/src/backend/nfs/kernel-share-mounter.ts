import { execFileSync } from 'node:child_process';
import { lookup } from 'node:dns/promises';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { isIP } from 'node:net';
import { release } from 'node:os';
import { join } from 'node:path';
import { abortable, type Clock, deadline, type Logger, messageOf } from '@berth/kit';
import { isErrno, type Mounter } from '@berth/linux';
import { type GrpcCode, grpcError } from '@berth/protos';
import { runDisposable } from './disposable-child.ts';
import type { KernelMount, KernelUnmount } from './kernel-mount.ts';
import { sourceOf } from './nfs-location.ts';
import type { NfsOptions } from './nfs-options.ts';
import type { ShareMount, ShareMounter, ShareUnmount } from './share-mounter.ts';

export interface KernelShareMounterOptions {
  /** Empty paths in it are where shares are mounted for a moment. */
  readonly folder: string;
  /** A program that runs {@link runKernelMount} with what it reads. */
  readonly helper: readonly string[];
  readonly mounter: Mounter;
  readonly clock: Clock;
  readonly log: Logger;
}

/** Below what a CO waits for a stage (2 min); the kernel itself would wait for ever. */
const mountMs = 30_000;
const unmountMs = 10_000;
const modprobeMs = 5000;

/** NFS as the kernel has it. Each call to it is made by a child, which may be left to hang. */
export class KernelShareMounter implements ShareMounter {
  readonly name = 'kernel';
  readonly fsTypes = ['nfs', 'nfs4'];
  readonly #options: KernelShareMounterOptions;

  /** Takes away what children of an earlier life left mounted aside. */
  constructor(options: KernelShareMounterOptions) {
    this.#options = options;
    const { folder, mounter, log } = options;
    for (const { mountPoint } of mounter.mounts().filter((mount) => mount.mountPoint.startsWith(`${folder}/`))) {
      log.info('unmounting what a crash left', { mountPoint });
      mounter.unmount(mountPoint, { lazy: true });
    }
  }

  async mount({ key, location, options, flags, target }: ShareMount, signal: AbortSignal): Promise<void> {
    const { clock, folder } = this.#options;
    using limit = deadline(clock, mountMs, signal);
    try {
      const request: KernelMount = {
        action: 'mount',
        source: sourceOf({ ...location, subDir: '' }),
        subDir: location.subDir,
        options: [`addr=${await addressOf(location.server, limit.signal)}`, ...optionsOf(options)],
        versions: options.version === undefined ? ['4.2', '4.1', '4', '3'] : [String(options.version)],
        flags,
        aside: join(folder, key),
      };
      await this.#run(request, [target.number], limit.signal);
    } catch (error) {
      signal.throwIfAborted();
      throw mountFailure(error, sourceOf(location));
    }
  }

  async unmount({ path, force }: ShareUnmount, signal: AbortSignal): Promise<void> {
    using limit = deadline(this.#options.clock, unmountMs, signal);
    // A child's own /proc/self is another.
    const request: KernelUnmount = {
      action: 'unmount',
      path: path.replace(/^\/proc\/self\//, `/proc/${process.pid}/`),
      force,
    };
    try {
      await this.#run(request, [], limit.signal);
    } catch (error) {
      if (isErrno(error, 'EINVAL', 'ENOENT')) return;
      signal.throwIfAborted();
      if (!limit.signal.aborted) throw error;
      throw grpcError('UNAVAILABLE', `unmounting ${path} takes longer than ${unmountMs} ms`, { cause: error });
    }
  }

  #run(request: KernelMount | KernelUnmount, fds: readonly number[], signal: AbortSignal): Promise<void> {
    return runDisposable({ command: this.#options.helper, request, fds }, signal);
  }
}

/** Whether this kernel can mount NFS; its module is loaded where it is there and not loaded yet. */
export function kernelHasNfs(): boolean {
  if (isRegistered()) return true;
  const modules = `/lib/modules/${release()}/kernel/fs/nfs`;
  if (!existsSync(modules) || readdirSync(modules).length === 0) return false;
  try {
    execFileSync('modprobe', ['-q', '-a', 'nfs', 'nfsv4'], { timeout: modprobeMs, stdio: 'ignore' });
  } catch {
    // Not allowed to, as in a container: then there is none.
  }
  return isRegistered();
}

function isRegistered(): boolean {
  return /\tnfs4?$/m.test(readFileSync('/proc/filesystems', 'utf8'));
}

/** mount(2) takes no names. */
async function addressOf(server: string, signal: AbortSignal): Promise<string> {
  if (isIP(server) !== 0) return server;
  try {
    return (await abortable(lookup(server), signal)).address;
  } catch (error) {
    signal.throwIfAborted();
    throw grpcError('UNAVAILABLE', `the nfs server "${server}" has no address: ${messageOf(error)}`, { cause: error });
  }
}

function optionsOf({ port, privilegedPort, tuning }: NfsOptions): string[] {
  return [
    ...(port === undefined ? [] : [`port=${port}`]),
    ...(privilegedPort === undefined ? [] : [privilegedPort ? 'resvport' : 'noresvport']),
    ...tuning,
  ];
}

const codes: Readonly<Record<string, GrpcCode>> = {
  ENOENT: 'NOT_FOUND',
  ENOTDIR: 'FAILED_PRECONDITION',
  ELOOP: 'FAILED_PRECONDITION',
  EACCES: 'FAILED_PRECONDITION',
  EPERM: 'FAILED_PRECONDITION',
  EPROTONOSUPPORT: 'FAILED_PRECONDITION',
  EINVAL: 'FAILED_PRECONDITION',
  ETIMEDOUT: 'UNAVAILABLE',
  ECONNREFUSED: 'UNAVAILABLE',
  EHOSTUNREACH: 'UNAVAILABLE',
  ENETUNREACH: 'UNAVAILABLE',
  EIO: 'UNAVAILABLE',
};

function mountFailure(error: unknown, source: string): unknown {
  if (error instanceof DOMException && error.name === 'TimeoutError') {
    return grpcError('UNAVAILABLE', `mounting ${source} takes longer than ${mountMs} ms`, { cause: error });
  }
  const code = codes[String((error as { code?: unknown }).code)];
  return code === undefined ? error : grpcError(code, `mounting ${source}: ${messageOf(error)}`, { cause: error });
}
