import { type ChildProcess, spawn } from 'node:child_process';
import { mkdir, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { createInterface } from 'node:readline';
import { Backoff, type Clock, type Logger } from '@berth/kit';
import { BerthError } from './berth-error.ts';
import type { NodeDirs } from './data-dir.ts';

export interface CsiDriverProcessOptions {
  readonly nodeName: string;
  readonly dirs: NodeDirs;
  /** Pools beside the node's own, as the driver's flag has them. */
  readonly pools: readonly string[];
  readonly clock: Clock;
  readonly log: Logger;
  /** Program and first arguments: how this build starts the driver. */
  readonly command: readonly [string, ...string[]];
}

/** Starts without a success, over some eight seconds: longer than a killed berth's driver, which has the pool, takes to end. */
const maxStarts = 7;

/** The name of the pool in the data directory, where there are others. */
export const ownPool = 'default';

/** The CSI driver of a node as a child process: started again when it ends, ended with us even when we are killed. */
export class CsiDriverProcess implements AsyncDisposable {
  readonly #options: CsiDriverProcessOptions;
  readonly #backoff: Backoff;
  #child: ChildProcess | undefined;
  #ended: Promise<void> = Promise.resolve();
  #stopping = false;
  #retry: Disposable | undefined;
  #ends = 0;
  #lastWords = '';
  readonly #gaveUp = Promise.withResolvers<never>();

  private constructor(options: CsiDriverProcessOptions) {
    this.#options = options;
    this.#backoff = new Backoff({ initialMs: 100, maxMs: 30_000 });
    this.#gaveUp.promise.catch(() => undefined);
  }

  static async start(options: CsiDriverProcessOptions): Promise<CsiDriverProcess> {
    const { csiSocket, registrationSocket, pool } = options.dirs;
    await Promise.all(
      [dirname(csiSocket), dirname(registrationSocket), pool].map((path) =>
        mkdir(path, { recursive: true, mode: 0o750 }),
      ),
    );
    // Of a driver that ended with the berth before us: nobody answers there, and whoever waits for ours would try them first.
    await Promise.all([csiSocket, registrationSocket].map((path) => rm(path, { force: true })));
    const driver = new CsiDriverProcess(options);
    driver.#spawn();
    return driver;
  }

  /** Rejects with what the driver said last when it ended at each of its first starts; those who wait for it need not. */
  get gaveUp(): Promise<never> {
    return this.#gaveUp.promise;
  }

  get pid(): number | undefined {
    return this.#child?.pid;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stopping = true;
    this.#retry?.[Symbol.dispose]();
    this.#child?.kill('SIGTERM');
    using _ = this.#options.clock.schedule(5000, () => this.#child?.kill('SIGKILL'));
    await this.#ended;
  }

  #spawn(): void {
    const { nodeName, dirs, pools, command, log } = this.#options;
    const [program, ...first] = command;
    const args = [
      '--endpoint',
      `unix://${dirs.csiSocket}`,
      '--node-id',
      nodeName,
      ...(pools.length === 0 ? [dirs.pool] : [`${ownPool}=${dirs.pool}`, ...pools]).flatMap((pool) => ['--pool', pool]),
      '--registration-socket',
      dirs.registrationSocket,
      '--until-stdin-closes',
      '--log-format',
      'json',
    ];
    const started = this.#options.clock.monotonicMs();
    // Its stdin is a pipe from us: the kernel closes it when we die, and the driver stops then. In a session of its own a
    // terminal's Ctrl-C does not reach it: what stops us still needs it, and ends it.
    const child = spawn(program, [...first, ...args], { stdio: ['pipe', 'ignore', 'pipe'], detached: true });
    this.#child = child;
    createInterface({ input: child.stderr as NodeJS.ReadableStream }).on('line', (line) => {
      if (relay(log, nodeName, line) === 'said') this.#lastWords = line;
    });
    this.#ended = new Promise((resolve) => {
      child.once('error', (error) => log.error('cannot start the CSI driver', { node: nodeName, error }));
      child.once('close', (code, signal) => {
        resolve();
        if (!this.#stopping) this.#restart(code ?? signal ?? 'error', started);
      });
    });
  }

  #restart(how: number | string, started: number): void {
    const { clock, log, nodeName } = this.#options;
    if (clock.monotonicMs() - started > 60_000) this.#backoff.forget(nodeName);
    this.#ends++;
    if (this.#ends === maxStarts) {
      const why = this.#lastWords.replace(/^csi-driver: /, '') || `it ended with ${how}`;
      this.#gaveUp.reject(new BerthError('Failed', `the CSI driver of ${nodeName} does not start: ${why}`));
    }
    const afterMs = this.#backoff.next(nodeName);
    log.warn('the CSI driver ended; starting it again', { node: nodeName, exit: how, afterMs });
    this.#retry = clock.schedule(afterMs, () => this.#spawn());
  }
}

/** @returns whether the driver logged the line, or said it: as a program says why it ends. */
function relay(log: Logger, nodeName: string, line: string): 'logged' | 'said' {
  try {
    const {
      time: _,
      level,
      message,
      ...fields
    } = JSON.parse(line) as { time: string; level: 'debug' | 'info' | 'warn' | 'error'; message: string };
    log[level](message, { node: nodeName, process: 'csi-driver', ...fields });
    return 'logged';
  } catch {
    log.warn(line, { node: nodeName, process: 'csi-driver' });
    return 'said';
  }
}
