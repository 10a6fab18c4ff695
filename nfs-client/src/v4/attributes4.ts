import { badReply } from '../nfs-error.ts';
import { fileTypeOf, type NfsAttributes } from '../protocol/nfs-attributes.ts';
import { type NfsHandle, nfsHandle } from '../protocol/nfs-handle.ts';
import { XdrReader } from '../xdr/xdr-reader.ts';
import { attribute } from './attribute-numbers.ts';
import { readBitmap } from './bitmap.ts';
import { parseOwner } from './owner.ts';

const maxHandleBytes = 128;
const maxOwnerBytes = 1024;
const maxValuesBytes = 64 * 1024;
const nanosPerSecond = 1_000_000_000n;

/** Attributes as a server sent them; it leaves out what it does not know. */
export class Attributes4 {
  readonly #values: ReadonlyMap<number, unknown>;

  constructor(values: ReadonlyMap<number, unknown>) {
    this.#values = values;
  }

  number(which: number): number | undefined {
    return this.#values.get(which) as number | undefined;
  }

  get handle(): NfsHandle | undefined {
    return this.#values.get(attribute.handle) as NfsHandle | undefined;
  }

  get fileId(): bigint {
    return this.#get(attribute.fileId, 0n);
  }

  /** False for an entry whose attributes the server could not read. */
  get isKnown(): boolean {
    return this.#values.has(attribute.type);
  }

  /** @throws NfsError BAD_REPLY – the type is missing, without which nothing can be said. */
  toStat(): NfsAttributes {
    const type = fileTypeOf(this.#get(attribute.type, 0));
    if (!type) throw badReply(`file type ${this.#get(attribute.type, 0)}`);
    const sizeBytes = this.#get(attribute.size, 0);
    return {
      type,
      mode: this.#get(attribute.mode, 0) & 0o7777,
      links: this.#get(attribute.links, 1),
      uid: parseOwner(this.#get(attribute.owner, '')),
      gid: parseOwner(this.#get(attribute.group, '')),
      sizeBytes,
      usedBytes: this.#get(attribute.spaceUsed, sizeBytes),
      device: this.#get(attribute.device, { major: 0, minor: 0 }),
      fsId: this.#get(attribute.fsId, ''),
      fileId: this.fileId,
      accessedNs: this.#get(attribute.accessed, 0n),
      modifiedNs: this.#get(attribute.modified, 0n),
      changedNs: this.#get(attribute.changed, 0n),
    };
  }

  #get<T>(which: number, fallback: T): T {
    return (this.#values.get(which) as T | undefined) ?? fallback;
  }
}

const readNumber = (reader: XdrReader) => reader.u32();
const readClamped = (reader: XdrReader) => reader.clamped();
const readOwner = (reader: XdrReader) => reader.string(maxOwnerBytes);
const readTime = (reader: XdrReader) => reader.i64() * nanosPerSecond + BigInt(reader.u32());

/** How each attribute that is ever asked for is read. */
const readers: Readonly<Record<number, (reader: XdrReader) => unknown>> = {
  [attribute.type]: readNumber,
  [attribute.size]: readClamped,
  [attribute.fsId]: (reader) => `${reader.u64().toString(16)}:${reader.u64().toString(16)}`,
  [attribute.leaseTime]: readNumber,
  [attribute.readError]: readNumber,
  [attribute.handle]: (reader) => nfsHandle(reader.opaque(maxHandleBytes)),
  [attribute.fileId]: (reader) => reader.u64(),
  [attribute.filesAvailable]: readClamped,
  [attribute.filesFree]: readClamped,
  [attribute.filesTotal]: readClamped,
  [attribute.maxRead]: readClamped,
  [attribute.maxWrite]: readClamped,
  [attribute.mode]: readNumber,
  [attribute.links]: readNumber,
  [attribute.owner]: readOwner,
  [attribute.group]: readOwner,
  [attribute.device]: (reader) => ({ major: reader.u32(), minor: reader.u32() }),
  [attribute.spaceAvailable]: readClamped,
  [attribute.spaceFree]: readClamped,
  [attribute.spaceTotal]: readClamped,
  [attribute.spaceUsed]: readClamped,
  [attribute.accessed]: readTime,
  [attribute.changed]: readTime,
  [attribute.modified]: readTime,
};

/** `fattr4`. @throws NfsError BAD_REPLY – an attribute that was not asked for, whose length nobody knows. */
export function readAttributes4(reader: XdrReader): Attributes4 {
  const bits = readBitmap(reader);
  const values = new XdrReader(reader.opaque(maxValuesBytes));
  const known = new Map<number, unknown>();
  for (const bit of bits) {
    const read = readers[bit];
    if (!read) throw badReply(`attribute ${bit}, which was not asked for`);
    known.set(bit, read(values));
  }
  return new Attributes4(known);
}
