import { badReply } from '../nfs-error.ts';
import type { NfsAttributes, NfsChanges } from '../protocol/nfs-attributes.ts';
import type { ByteRange, NfsFile, ReadResult, WriteRequest, WriteResult } from '../protocol/nfs-file.ts';
import type { NfsHandle } from '../protocol/nfs-handle.ts';
import type { NfsNode } from '../protocol/nfs-protocol.ts';
import { commit, read, write } from './data-procedures.ts';
import type { Nfs3Client } from './nfs3-client.ts';
import { setattr } from './tree-procedures.ts';

/** A file of NFSv3, which knows no open: only its handle. */
export class File3 implements NfsFile {
  readonly handle: NfsHandle;
  readonly attributes: NfsAttributes;
  readonly #client: Nfs3Client;

  constructor(client: Nfs3Client, node: NfsNode) {
    this.#client = client;
    this.handle = node.handle;
    this.attributes = node.attributes;
  }

  async read(range: ByteRange, signal: AbortSignal): Promise<ReadResult> {
    const result = await this.#client.call(read, { handle: this.handle, ...range }, signal);
    if (result.data.length > range.length) throw badReply('READ sends more than was asked for');
    return result;
  }

  async write(what: WriteRequest, signal: AbortSignal): Promise<WriteResult> {
    const result = await this.#client.call(write, { handle: this.handle, ...what }, signal);
    if (result.bytes > what.data.length) throw badReply('WRITE says it wrote more than was sent');
    return result;
  }

  async setattr(changes: NfsChanges, signal: AbortSignal): Promise<void> {
    await this.#client.call(setattr, { handle: this.handle, changes }, signal);
  }

  commit(signal: AbortSignal): Promise<string> {
    return this.#client.call(commit, { handle: this.handle }, signal);
  }

  async close(): Promise<void> {}
}
