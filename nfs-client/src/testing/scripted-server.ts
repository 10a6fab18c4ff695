import { Buffer } from 'node:buffer';
import { once } from 'node:events';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { frame, RecordReader } from '../rpc/record-marking.ts';
import { XdrReader } from '../xdr/xdr-reader.ts';
import { XdrWriter } from '../xdr/xdr-writer.ts';

/** A call as it came, and the ways to answer or not to. */
export interface ReceivedCall {
  readonly xid: number;
  readonly program: number;
  readonly version: number;
  readonly procedure: number;
  readonly args: XdrReader;
  /** Counts connections from 1. */
  readonly connection: number;
  readonly peerPort: number;
  readonly socket: Socket;
  /** Counts calls from 1. */
  readonly number: number;
  /** Answers that the procedure ran, with these results. */
  reply(encode?: (writer: XdrWriter) => void): void;
  /** The bytes `reply` would send, record mark included. */
  bytes(encode?: (writer: XdrWriter) => void): Buffer;
}

/** An RPC server over real TCP that does with each call what the test says: answer, twice, late, in crumbs, never, hang up. */
export class ScriptedServer implements AsyncDisposable {
  readonly calls: ReceivedCall[] = [];
  onCall: (call: ReceivedCall) => void;
  connections = 0;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();

  private constructor(onCall: (call: ReceivedCall) => void) {
    this.onCall = onCall;
    this.#server = createServer((socket) => this.#serve(socket));
  }

  static async start(onCall: (call: ReceivedCall) => void, port = 0): Promise<ScriptedServer> {
    const server = new ScriptedServer(onCall);
    server.#server.listen(port, '127.0.0.1');
    await once(server.#server, 'listening');
    return server;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  get openConnections(): number {
    return this.#sockets.size;
  }

  hangUp(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const closed = once(this.#server, 'close');
    this.#server.close();
    this.hangUp();
    await closed;
  }

  #serve(socket: Socket): void {
    this.connections += 1;
    const connection = this.connections;
    const records = new RecordReader(8 * 2 ** 20);
    this.#sockets.add(socket);
    socket.on('close', () => this.#sockets.delete(socket));
    socket.on('error', () => undefined);
    socket.on('data', (chunk: Buffer) => {
      for (const record of records.push(chunk)) this.#receive(record, socket, connection);
    });
  }

  #receive(record: Buffer, socket: Socket, connection: number): void {
    const args = new XdrReader(record);
    const [xid, , , program, version, procedure] = Array.from({ length: 6 }, () => args.u32()) as [
      ...[number, number, number, number, number, number],
    ];
    for (let i = 0; i < 2; i++) {
      args.u32();
      args.opaque(400);
    }
    const bytes = (encode?: (writer: XdrWriter) => void) => {
      const writer = new XdrWriter().u32(xid).u32(1).u32(0).u32(0).u32(0).u32(0);
      encode?.(writer);
      return Buffer.concat(frame(writer.chunks()));
    };
    const peerPort = socket.remotePort ?? 0;
    const where = { connection, peerPort, socket, number: this.calls.length + 1 };
    const reply = (encode?: (writer: XdrWriter) => void) => void socket.write(bytes(encode));
    const call: ReceivedCall = { xid, program, version, procedure, args, ...where, bytes, reply };
    this.calls.push(call);
    this.onCall(call);
  }
}
