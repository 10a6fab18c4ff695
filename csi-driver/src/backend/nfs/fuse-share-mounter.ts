import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, existsSync, mkdirSync, openSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Clock, deadline, type Logger } from '@berth/kit';
import { isErrno, KernelError, lockHolder, type Mounter, type MountInfo, openRoot } from '@berth/linux';
import { NfsError, type NfsErrorCode } from '@berth/nfs-client';
import { grpcError } from '@berth/protos';
import type { ServedShare, ServingAnswer } from '../../nfs-mount/served-share.ts';
import { sameOptions } from '../../rules/mount-flags.ts';
import { runDisposable } from './disposable-child.ts';
import type { KernelUnmount } from './kernel-mount.ts';
import { forgetMount, sweepMounts } from './mount-files.ts';
import { asNfsFailure } from './nfs-failure.ts';
import { type NfsLocation, sourceOf } from './nfs-location.ts';
import type { ShareMount, ShareMounter, ShareUnmount } from './share-mounter.ts';

export interface FuseShareMounterOptions {
  /** Locks and logs of the processes that serve, one pair for each key. */
  readonly folder: string;
  /** This program, to be started again. */
  readonly self: readonly string[];
  readonly mounter: Mounter;
  readonly clock: Clock;
  readonly log: Logger;
}

const mountMs = 30_000;
const unmountMs = 10_000;
/** How long a process that has nothing to serve any more may take to say farewell to its server. */
const endMs = 12_000;
const stopMs = 3000;
const lookMs = 20;

/** Whether this machine can serve file systems from processes. */
export function canServeFuse(): boolean {
  return existsSync('/dev/fuse');
}

/**
 * NFS by a process of our own for each mount, through /dev/fuse. It lives on when the driver ends, and ends when its
 * mount is gone. Its lock says that it lives, and the kernel who holds it.
 */
export class FuseShareMounter implements ShareMounter {
  readonly name = 'fuse';
  readonly fsTypes = ['fuse.nfs'];
  readonly #options: FuseShareMounterOptions;

  constructor(options: FuseShareMounterOptions) {
    this.#options = options;
    sweepMounts(options.folder);
  }

  async mount(mount: ShareMount, signal: AbortSignal): Promise<void> {
    const { key, target, ...what } = mount;
    const { folder, clock, self, log } = this.#options;
    const served = this.#mountsOf(key);
    if (served.length > 0) return this.#showAgain(served, mount);
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    // Of an earlier attempt whose driver died, or of a mount that was detached while it was used.
    await this.#end(key);
    using limit = deadline(clock, mountMs, signal);
    const logFile = openSync(join(folder, `${key}.log`), 'a', 0o600);
    const [program = '', ...before] = self;
    const request = JSON.stringify(requestOf(what));
    const child = spawn(program, [...before, 'nfs-mount', folder, key, request], {
      stdio: ['ignore', 'pipe', logFile, target.number],
      detached: true,
      cwd: '/',
    });
    closeSync(logFile);
    try {
      const answer = await answerOf(child, limit.signal);
      if (!('ready' in answer)) throw failureOf(answer, what.location);
      log.info('mounted', { source: sourceOf(what.location), pid: child.pid });
    } catch (error) {
      if (child.pid !== undefined) await this.#endProcess(child.pid, key);
      this.forget(key);
      signal.throwIfAborted();
      if (!limit.signal.aborted) throw error;
      const source = sourceOf(what.location);
      throw grpcError('UNAVAILABLE', `mounting ${source} takes longer than ${mountMs} ms`, { cause: error });
    } finally {
      child.stdout?.destroy();
      child.unref();
    }
  }

  isDead(key: string, device: string): boolean {
    const served = this.#servedOf(key);
    return served === undefined || (served !== '' && served !== device);
  }

  forget(key: string): void {
    forgetMount(this.#options.folder, key);
  }

  async unmount({ key, path, force }: ShareUnmount, signal: AbortSignal): Promise<void> {
    const { clock, self } = this.#options;
    using limit = deadline(clock, unmountMs, signal);
    // A child's own /proc/self is another.
    const fromHere = path.replace(/^\/proc\/self\//, `/proc/${process.pid}/`);
    const request: KernelUnmount = { action: 'unmount', path: fromHere, force };
    try {
      await runDisposable({ command: [...self, 'nfs-mount-helper'], request }, limit.signal);
    } catch (error) {
      if (!isErrno(error, 'EINVAL', 'ENOENT')) {
        signal.throwIfAborted();
        if (!limit.signal.aborted) throw error;
        throw grpcError('UNAVAILABLE', `unmounting ${path} takes longer than ${unmountMs} ms`, { cause: error });
      }
    }
    // What is shown elsewhere too is served on.
    if (this.#mountsOf(key).length > 0) return;
    if (force) await this.#end(key);
    else await this.#waitForEnd(key, endMs);
    this.forget(key);
  }

  /** All that shows what a living process serves: to begin another for the key would end it under who uses it. */
  #mountsOf(key: string): MountInfo[] {
    const served = this.#servedOf(key);
    return served ? this.#options.mounter.mounts().filter(({ device }) => device === served) : [];
  }

  /** The device of what a living process serves, empty until that is mounted; undefined: none lives. */
  #servedOf(key: string): string | undefined {
    const lock = this.#lockOf(key);
    return lockHolder(lock) === undefined ? undefined : readFileSync(lock, 'utf8');
  }

  /** A second place for the same, by the same process. */
  #showAgain(served: readonly MountInfo[], { location, flags, target }: ShareMount): void {
    const like = served.find(({ root, options }) => root === '/' && sameOptions(options, flags, []));
    if (!like) {
      const where = served.map(({ mountPoint }) => mountPoint).join(', ');
      throw grpcError(
        'FAILED_PRECONDITION',
        `${sourceOf(location)} is mounted for this volume already, otherwise or in parts, at ${where}; take it off there first`,
      );
    }
    using source = openRoot(like.mountPoint);
    this.#options.mounter.bind(source.number, target.number, flags);
  }

  #lockOf(key: string): string {
    return join(this.#options.folder, `${key}.lock`);
  }

  async #end(key: string): Promise<void> {
    const pid = lockHolder(this.#lockOf(key));
    if (pid !== undefined) await this.#endProcess(pid, key);
  }

  /** SIGTERM takes its mount away; one that hangs is killed, which leaves ENOTCONN to those who use it. */
  async #endProcess(pid: number, key: string): Promise<void> {
    kill(pid, 'SIGTERM');
    if (await this.#waitForEnd(key, stopMs)) return;
    this.#options.log.warn('a process that serves a mount does not end; killing it', { pid });
    kill(pid, 'SIGKILL');
    await this.#waitForEnd(key, stopMs);
  }

  async #waitForEnd(key: string, patienceMs: number): Promise<boolean> {
    const { clock } = this.#options;
    const lock = this.#lockOf(key);
    const untilMs = clock.monotonicMs() + patienceMs;
    while (lockHolder(lock) !== undefined) {
      if (clock.monotonicMs() >= untilMs) return false;
      await clock.sleep(lookMs);
    }
    return true;
  }
}

function requestOf({ location, options, flags }: Omit<ShareMount, 'key' | 'target'>): ServedShare {
  return {
    server: location.server,
    export: location.share,
    subDir: location.subDir,
    source: sourceOf(location),
    version: options.version ?? 'auto',
    ...(options.port === undefined ? {} : { port: options.port }),
    privilegedPort: options.privilegedPort ?? true,
    tuning: options.tuning,
    mountFlags: [...(flags.readOnly ? ['ro'] : []), ...flags.flags],
  };
}

async function answerOf(child: ChildProcess, signal: AbortSignal): Promise<ServingAnswer> {
  let text = '';
  return await new Promise<ServingAnswer>((resolve, reject) => {
    const onAbort = () => reject(signal.reason);
    const done = (act: () => void) => {
      signal.removeEventListener('abort', onAbort);
      act();
    };
    signal.addEventListener('abort', onAbort, { once: true });
    child.once('error', (error) => done(() => reject(error)));
    child.stdout?.setEncoding('utf8').on('data', (chunk: string) => {
      text += chunk;
      if (text.includes('\n')) done(() => resolve(JSON.parse(text.slice(0, text.indexOf('\n'))) as ServingAnswer));
    });
    child.stdout?.once('close', () =>
      done(() => reject(grpcError('INTERNAL', `the process that was to serve the mount ended: ${child.exitCode}`))),
    );
  });
}

/** Codes of system calls begin with E; the others are an NFS server's. */
function failureOf({ code, message }: Exclude<ServingAnswer, { ready: true }>, location: NfsLocation): unknown {
  if (code === 'NOENT') return grpcError('NOT_FOUND', `${sourceOf(location)} is not there: ${message}`);
  if (/^E[A-Z0-9]+$/.test(code) && code !== 'EXIST' && code !== 'EXPIRED')
    return new KernelError(code, 0, 'mount', message);
  return asNfsFailure(new NfsError(code as NfsErrorCode, message), location.server);
}

function kill(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch (error) {
    if (!isErrno(error, 'ESRCH')) throw error;
  }
}
