import { randomUUID } from 'node:crypto';
import { lstat, rename, rm } from 'node:fs/promises';
import { connect } from 'node:net';
import { basename, dirname, join } from 'node:path';
import { Turns } from '@berth/kit';
import {
  Server,
  ServerCredentials,
  type ServerUnaryCall,
  type ServerWritableStream,
  type sendUnaryData,
} from '@grpc/grpc-js';
import { asGrpcError, GrpcError, grpcCodes } from './grpc-error.ts';
import type { Init, ServiceType } from './grpc-types.ts';
import type { Service } from './service.ts';

export interface CallContext {
  readonly method: string;
  /** Aborted when the caller cancels, disconnects or its deadline passes. */
  readonly signal: AbortSignal;
}

/** One function a method; missing ones answer UNIMPLEMENTED. */
export type ServiceHandlers<S extends ServiceType> = {
  readonly [M in keyof S]?: S[M]['stream'] extends true
    ? (request: S[M]['request'], context: CallContext) => AsyncIterable<Init<S[M]['response']>>
    : (request: S[M]['request'], context: CallContext) => Promise<Init<S[M]['response']>>;
};

type Unary = (request: unknown, context: CallContext) => Promise<object>;
type Streaming = (request: unknown, context: CallContext) => AsyncIterable<object>;

/**
 * What one socket brings at once would be worked on whole before the first answer leaves, while the caller has nothing to
 * do. Fewer write each answer alone; with more a caller of 16 at once waits for all of them (`npm run bench -- driver`).
 */
const callsPerTurn = 4;

/** A gRPC server on a Unix socket. Handlers throw GrpcError; anything else they throw is INTERNAL. */
export class GrpcServer implements AsyncDisposable {
  #socket: { readonly path: string; readonly inode: number } | undefined;
  readonly #turns = new Turns(callsPerTurn);
  // With channelz: without it grpc-js does not know the sessions that it has to end.
  readonly #server = new Server({ 'grpc.max_receive_message_length': 16 * 1024 * 1024 });

  add<S extends ServiceType>(service: Service<S>, handlers: ServiceHandlers<S>): this {
    const implementation: Record<string, unknown> = {};
    for (const name of service.methods) {
      const handler = handlers[name];
      if (!handler) continue;
      const { path, responseStream } = service.definition[name]!;
      implementation[name] = responseStream
        ? streaming(path, handler as Streaming)
        : unary(path, handler as unknown as Unary, this.#turns);
    }
    this.#server.addService(service.definition, implementation as never);
    return this;
  }

  /**
   * Listens at `unix:///path`, replacing a socket left by a dead process. The socket appears under its name when it answers:
   * whoever waits for it and connects at once is not refused.
   * @throws an Error – another process answers there, or something that is no socket has the name.
   */
  async listen(endpoint: string): Promise<void> {
    if (!endpoint.startsWith('unix:')) return this.#bind(endpoint);
    const path = endpoint.replace(/^unix:(\/\/)?/, '');
    await refuseTaken(path);
    // Not longer than the name itself, which the kernel limits to 107 bytes.
    const temporary = join(dirname(path), `.${randomUUID()}`.slice(0, Math.max(8, basename(path).length)));
    await this.#bind(`unix:${temporary}`);
    await rename(temporary, path);
    this.#socket = { path, inode: (await lstat(path)).ino };
  }

  #bind(endpoint: string): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#server.bindAsync(endpoint, ServerCredentials.createInsecure(), (error) =>
        error ? reject(error) : resolve(),
      );
    });
  }

  /** Lets running calls finish, at most `graceMs`. */
  async stop(graceMs: number): Promise<void> {
    await this.#removeSocket();
    await new Promise<void>((resolve) => {
      const timer = setTimeout(() => this.#server.forceShutdown(), graceMs);
      this.#server.tryShutdown(() => {
        clearTimeout(timer);
        resolve();
      });
    });
  }

  /** Only our own: a successor may have put its socket there already. */
  async #removeSocket(): Promise<void> {
    const socket = this.#socket;
    if (!socket) return;
    const now = await lstat(socket.path).catch(() => undefined);
    if (now?.ino === socket.inode) await rm(socket.path, { force: true });
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop(2000);
  }
}

/** Two servers behind one name would answer for each other. */
async function refuseTaken(path: string): Promise<void> {
  const facts = await lstat(path).catch(() => undefined);
  if (!facts) return;
  if (!facts.isSocket()) throw new Error('something that is not a socket has that name');
  if (await answers(path)) throw new Error('another process answers there');
}

function answers(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = connect(path, () => {
      probe.destroy();
      resolve(true);
    });
    // EAGAIN: its backlog is full, so someone listens. ECONNREFUSED: its process is gone.
    probe.once('error', (error: NodeJS.ErrnoException) => resolve(error.code === 'EAGAIN'));
  });
}

function unary(path: string, handler: Unary, turns: Turns) {
  return (call: ServerUnaryCall<unknown, object>, reply: sendUnaryData<object>) => {
    const controller = new AbortController();
    let answered = false;
    // Told at the end of answered calls too, when there is nothing left to give up, and an abort captures a stack.
    call.on('cancelled', () => answered || controller.abort());
    const answer = (...result: Parameters<typeof reply>) => {
      answered = true;
      reply(...result);
    };
    const begin = () => {
      // Whoever called may have left while others were begun: nothing is, for nobody.
      if (controller.signal.aborted) return;
      handler(call.request, { method: path, signal: controller.signal }).then(
        (response) => answer(null, response),
        (error: unknown) => answer(wireError(error)),
      );
    };
    const pause = turns.arrive(1);
    if (pause) void pause.then(begin);
    else begin();
  };
}

function streaming(path: string, handler: Streaming) {
  return async (call: ServerWritableStream<unknown, object>) => {
    const controller = new AbortController();
    call.on('cancelled', () => controller.abort());
    try {
      for await (const message of handler(call.request, { method: path, signal: controller.signal })) {
        if (controller.signal.aborted) return;
        if (!call.write(message))
          await new Promise((resolve) => call.once('drain', resolve).once('cancelled', resolve));
      }
      call.end();
    } catch (error) {
      call.emit('error', wireError(error));
    }
  };
}

function wireError(error: unknown): { code: number; details: string } {
  const known: GrpcError = asGrpcError(error);
  // What a handler throws by accident is INTERNAL; a GrpcError says what it means.
  const isAccident = known.code === 'UNKNOWN' && !(error instanceof GrpcError);
  const code = isAccident ? grpcCodes.INTERNAL : grpcCodes[known.code];
  return { code, details: known.message || 'internal error' };
}
