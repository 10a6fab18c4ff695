import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { freePort } from './free-port.ts';

type Pair = readonly [near: Socket, far: Socket];

/** A way to a server that can be closed (connections end, and none is taken until it is opened again) or cut (nothing passes, and nobody is told). */
export class TcpProxy implements AsyncDisposable {
  readonly #to: { readonly port: number; readonly host: string };
  readonly #pairs = new Set<Pair>();
  #server: Server | undefined;
  #isCut = false;
  readonly port: number;

  private constructor(to: { readonly port: number; readonly host: string }, port: number) {
    this.#to = to;
    this.port = port;
  }

  static async to(port: number, host = '127.0.0.1'): Promise<TcpProxy> {
    const proxy = new TcpProxy({ port, host }, await freePort());
    await proxy.open();
    return proxy;
  }

  async open(): Promise<void> {
    const server = createServer((socket) => this.#take([socket, connect(this.#to)])).listen(this.port, '127.0.0.1');
    this.#server = server;
    await once(server, 'listening');
  }

  async close(): Promise<void> {
    const server = this.#server;
    this.#server = undefined;
    for (const socket of [...this.#pairs].flat()) socket.destroy();
    await new Promise((resolve) => (server ? server.close(resolve) : resolve(undefined)));
  }

  cut(): void {
    this.#isCut = true;
    for (const [near, far] of this.#pairs) {
      near.unpipe(far);
      far.unpipe(near);
    }
  }

  mend(): void {
    this.#isCut = false;
    for (const pair of this.#pairs) join(pair);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #take(pair: Pair): void {
    this.#pairs.add(pair);
    for (const socket of pair)
      socket
        .on('error', () => undefined)
        .on('close', () => {
          if (pair.every(({ destroyed }) => destroyed)) this.#pairs.delete(pair);
          // Who is not reached must not seem to be there.
          else if (!this.#isCut) join(pair);
        });
    if (!this.#isCut) join(pair);
  }
}

/** Passes on what comes; where one side has gone, the other goes too. */
function join([near, far]: Pair): void {
  if (near.destroyed) far.destroySoon();
  else if (far.destroyed) near.destroySoon();
  else near.pipe(far).pipe(near);
}
