import { connect, createServer, type Server, type Socket } from 'node:net';

/** A way to a server that can be closed: connections end, and none is taken until it is opened again. */
export class TcpProxy implements AsyncDisposable {
  readonly #port: number;
  readonly #sockets = new Set<Socket>();
  #server: Server | undefined;
  port = 0;

  private constructor(port: number) {
    this.#port = port;
  }

  static async to(port: number): Promise<TcpProxy> {
    const proxy = new TcpProxy(port);
    await proxy.open();
    return proxy;
  }

  async open(): Promise<void> {
    const server = createServer((socket) => {
      const other = connect(this.#port, '127.0.0.1');
      for (const [one, far] of [
        [socket, other],
        [other, socket],
      ] as const) {
        this.#sockets.add(one);
        one
          .on('error', () => undefined)
          .on('close', () => {
            this.#sockets.delete(one);
            // Who is not reached must not seem to be there.
            far.destroySoon();
          });
      }
      socket.pipe(other).pipe(socket);
    });
    this.#server = server;
    await new Promise<void>((resolve) => server.listen(this.port, '127.0.0.1', resolve));
    this.port = (server.address() as { port: number }).port;
  }

  async close(): Promise<void> {
    const server = this.#server;
    this.#server = undefined;
    for (const socket of this.#sockets) socket.destroy();
    await new Promise((resolve) => (server ? server.close(resolve) : resolve(undefined)));
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}
