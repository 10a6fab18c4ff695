import { XdrReader } from '../xdr/xdr-reader.ts';
import type { XdrWriter } from '../xdr/xdr-writer.ts';
import { type ReceivedCall, ScriptedServer } from './scripted-server.ts';

/** A compound behind its SEQUENCE. */
export interface ReceivedCompound {
  readonly call: ReceivedCall;
  readonly session: number;
  readonly slot: number;
  readonly sequence: number;
  readonly keepReply: boolean;
  /** How many operations follow, and their bytes. */
  readonly count: number;
  readonly args: XdrReader;
  /** Answers SEQUENCE with OK, then what is written: number, status and result of each operation. `status` is the compound's. */
  reply(results: {
    readonly count: number;
    readonly status?: number;
    readonly write?: (writer: XdrWriter) => void;
  }): void;
  /** SEQUENCE itself fails. */
  refuse(status: number): void;
}

/** An NFSv4.1 server that knows client ids and sessions, and leaves all else to the test. */
export class ScriptedNfs4 implements AsyncDisposable {
  readonly server: ScriptedServer;
  readonly compounds: ReceivedCompound[] = [];
  readonly exchanges: bigint[] = [];
  /** Client id and sequence of each CREATE_SESSION. */
  readonly created: { readonly clientId: bigint; readonly sequence: number }[] = [];
  readonly destroyed: number[] = [];
  /** RECLAIM_COMPLETEs by session; the test may add what it sees. */
  readonly events: string[] = [];
  /** The status the next CREATE_SESSION gets. */
  nextCreateStatus = 0;
  slots = 8;

  private constructor(server: ScriptedServer) {
    this.server = server;
  }

  static async start(onCompound: (compound: ReceivedCompound) => void): Promise<ScriptedNfs4> {
    const server = await ScriptedServer.start(() => undefined);
    const nfs = new ScriptedNfs4(server);
    server.onCall = (call) => nfs.#receive(call, onCompound);
    return nfs;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.server[Symbol.asyncDispose]();
  }

  #receive(call: ReceivedCall, onCompound: (compound: ReceivedCompound) => void): void {
    const { args } = call;
    args.opaque(1024);
    args.u32();
    const count = args.u32();
    const operation = args.u32();
    const one = (status: number, write?: (writer: XdrWriter) => void) =>
      call.reply((writer) => {
        writer.u32(status).u32(0).u32(1).u32(operation).u32(status);
        if (status === 0) write?.(writer);
      });
    if (operation === 42) this.#exchangeId(one);
    else if (operation === 43) this.#createSession(args, one);
    else if (operation === 44) {
      this.destroyed.push(args.fixed(16).readUInt32BE());
      one(0);
    } else if (operation === 57) one(0);
    else this.#sequence(call, count, onCompound);
  }

  #exchangeId(one: (status: number, write: (writer: XdrWriter) => void) => void): void {
    const clientId = BigInt(this.exchanges.length + 1);
    this.exchanges.push(clientId);
    one(0, (writer) => writer.u64(clientId).u32(100).u32(0).u32(0).u64(0).u32(0).u32(0).u32(0));
  }

  #createSession(args: XdrReader, one: (status: number, write: (writer: XdrWriter) => void) => void): void {
    this.created.push({ clientId: args.u64(), sequence: args.u32() });
    const id = Buffer.alloc(16);
    id.writeUInt32BE(this.created.length);
    const channel = [0, 1 << 20, 1 << 20, 8192, 16, this.slots, 0];
    one(this.nextCreateStatus, (writer) => {
      writer.fixed(id).u32(0).u32(0);
      for (const word of [...channel, ...channel]) writer.u32(word);
    });
    this.nextCreateStatus = 0;
  }

  #sequence(call: ReceivedCall, count: number, onCompound: (compound: ReceivedCompound) => void): void {
    const { args } = call;
    const id = Buffer.from(args.fixed(16));
    const [sequence, slot] = [args.u32(), args.u32()];
    args.u32();
    const keepReply = args.bool();
    const rest = Buffer.from(args.fixed(args.remaining));
    const operations = new XdrReader(rest);
    const compound: ReceivedCompound = {
      ...{ call, session: id.readUInt32BE(), slot, sequence, keepReply, count: count - 1, args: operations },
      reply: ({ count: results, status = 0, write }) =>
        call.reply((writer) => {
          writer
            .u32(status)
            .u32(0)
            .u32(results + 1);
          writer.u32(53).u32(0).fixed(id).u32(sequence).u32(slot).u32(0);
          writer.u32(this.slots - 1).u32(0);
          write?.(writer);
        }),
      refuse: (status) => call.reply((writer) => writer.u32(status).u32(0).u32(1).u32(53).u32(status)),
    };
    this.compounds.push(compound);
    // RECLAIM_COMPLETE, which every client sends first, is of no interest to tests.
    const isReclaim = rest.length === 8 && rest.readUInt32BE() === 58;
    if (!isReclaim) return onCompound(compound);
    this.events.push(`RECLAIM_COMPLETE ${compound.session}`);
    compound.reply({ count: 1, write: (writer) => writer.u32(58).u32(0) });
  }
}
