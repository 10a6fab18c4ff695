import { type Clock, type Logger, messageOf } from '@berth/kit';
import type { FileSystem } from '../file-system.ts';
import { type Errno, errnoNumber, FuseError } from '../fuse-error.ts';
import { headerBytes, opcode } from '../wire/protocol.ts';
import { initReply, replyHeader } from '../wire/replies.ts';
import * as requests from '../wire/requests.ts';
import { WireReader } from '../wire/wire-reader.ts';
import type { FuseDevice } from './fuse-device.ts';
import { negotiate, type ServerLimits } from './negotiate.ts';
import { operations, type Request } from './operations.ts';
import { RunningRequests } from './running-requests.ts';

export interface FuseServerOptions {
  readonly device: FuseDevice;
  readonly fileSystem: FileSystem;
  readonly limits: ServerLimits;
  readonly clock: Clock;
  readonly log: Logger;
  readonly isDying: (pid: number) => boolean;
}

/** Data of writes under way; more are not read from the kernel until some have ended. */
const maxHeldBytes = 64 << 20;
/** Requests worked on at a time; more wait, and can be given up by their callers meanwhile. */
const maxStarted = 256;
/** Requests taken before replies get their turn. */
const batch = 64;

/** Answers the requests of one mount, many at a time, until it is unmounted. */
export class FuseServer {
  readonly #options: FuseServerOptions;
  readonly #running: RunningRequests;
  readonly #waiting: (() => void)[] = [];
  readonly #ready = Promise.withResolvers<void>();
  #started = 0;
  #heldBytes = 0;
  #wakeReader: (() => void) | undefined;

  constructor(options: FuseServerOptions) {
    this.#options = options;
    this.#running = new RunningRequests(options);
    this.#ready.promise.catch(() => undefined);
  }

  /** Resolves when the kernel has been greeted: the mount can be used. */
  get ready(): Promise<void> {
    return this.#ready.promise;
  }

  /** Serves until the mount is gone, then gives up what is under way. The file system is not disposed. */
  async run(): Promise<void> {
    const { device } = this.#options;
    try {
      for (let taken = 1; ; taken++) {
        const bytes = device.receive();
        if (bytes === 'gone') return;
        if (bytes === 'empty') await device.wait();
        else this.#take(bytes);
        if (taken % batch === 0) await new Promise<void>((resolve) => setImmediate(resolve));
        if (this.#heldBytes > maxHeldBytes) await this.#roomForData();
      }
    } finally {
      this.#running.abortAll();
      this.#ready.reject(new FuseError('ENODEV', 'unmounted before it could be used'));
    }
  }

  #take(bytes: Buffer): void {
    const { log } = this.#options;
    if (bytes.length < headerBytes.request) return log.warn('a request without a header', { bytes: bytes.length });
    const body = new WireReader(bytes);
    const header = requests.readHeader(body);
    if (header.length !== bytes.length) return this.#fail(header.unique, 'EIO');
    const request: Request = { ...header, body };
    try {
      if (!this.#control(request)) this.#start(request, bytes.length);
    } catch (error) {
      this.#refuse(request, error);
    }
  }

  /** What is about the connection or other requests; answers false for the rest. */
  #control({ opcode: code, unique, node, body }: Request): boolean {
    const { fileSystem } = this.#options;
    if (code === opcode.forget) fileSystem.forget(node, body.u64());
    else if (code === opcode.batchForget)
      for (const { node: one, references } of requests.readForgets(body)) fileSystem.forget(one, references);
    else if (code === opcode.interrupt) this.#running.interrupt(body.big());
    else if (code === opcode.init) this.#init(unique, body);
    else if (code === opcode.destroy) this.#reply(unique, undefined);
    else return false;
    return true;
  }

  #init(unique: bigint, body: WireReader): void {
    const init = requests.readInit(body);
    const { reply, again } = negotiate(init, this.#options.limits);
    this.#reply(unique, initReply(reply));
    if (again) return;
    this.#options.log.debug('greeted', { kernel: `${init.major}.${init.minor}`, flags: reply.flags.toString(16) });
    this.#ready.resolve();
  }

  #start(request: Request, bytes: number): void {
    const operation = operations[request.opcode];
    if (!operation) return this.#fail(request.unique, 'ENOSYS');
    const signal = this.#running.begin(request.unique, request.caller.pid);
    const run = async () => {
      try {
        if (this.#started >= maxStarted) await new Promise<void>((resolve) => this.#waiting.push(resolve));
        this.#started += 1;
        try {
          signal.throwIfAborted();
          const data = await operation(this.#options.fileSystem, request, signal);
          this.#reply(request.unique, data);
          if (request.opcode === opcode.read && data) this.#options.fileSystem.sent?.(data);
        } finally {
          this.#started -= 1;
        }
      } catch (error) {
        if (signal.aborted) this.#fail(request.unique, 'EINTR');
        else this.#refuse(request, error);
      } finally {
        this.#end(request, bytes);
      }
    };
    this.#heldBytes += bytes;
    void run();
  }

  #end({ unique }: Request, bytes: number): void {
    this.#running.end(unique);
    this.#heldBytes -= bytes;
    if (this.#heldBytes <= maxHeldBytes) this.#wakeReader?.();
    this.#waiting.shift()?.();
  }

  async #roomForData(): Promise<void> {
    await new Promise<void>((resolve) => {
      this.#wakeReader = resolve;
    });
    this.#wakeReader = undefined;
  }

  #refuse({ unique, opcode: code }: Request, error: unknown): void {
    if (error instanceof FuseError) return this.#fail(unique, error.code);
    this.#options.log.error('a request failed', { opcode: code, error: messageOf(error) });
    this.#fail(unique, 'EIO');
  }

  #fail(unique: bigint, code: Errno): void {
    this.#options.device.send([replyHeader(unique, 0, errnoNumber(code))]);
  }

  #reply(unique: bigint, data: Uint8Array | undefined): void {
    const { device } = this.#options;
    if (data && data.length > 0) device.send([replyHeader(unique, data.length), data]);
    else device.send([replyHeader(unique, 0)]);
  }
}
