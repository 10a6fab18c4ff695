import { Buffer } from 'node:buffer';
import { decodeName, encodeName } from '../names/file-name.ts';
import { badReply } from '../nfs-error.ts';
import { type NfsHandle, nfsHandle } from '../protocol/nfs-handle.ts';
import type { DirectoryCursor, DirectoryPage, NfsDirectoryEntry } from '../protocol/nfs-protocol.ts';
import type { XdrReader } from '../xdr/xdr-reader.ts';
import { attribute, statAttributes } from './attribute-numbers.ts';
import { type Attributes4, readAttributes4 } from './attributes4.ts';
import { writeBitmap } from './bitmap.ts';
import type { Operation } from './operation.ts';

const maxHandleBytes = 128;
const maxTargetBytes = 4096;
const maxNameBytes = 1024;
const verifierBytes = 8;

const nothing = () => undefined;

export const putRootFh: Operation<undefined> = { number: 24, name: 'PUTROOTFH', encode: nothing, decode: nothing };
export const saveFh: Operation<undefined> = { number: 32, name: 'SAVEFH', encode: nothing, decode: nothing };
export const restoreFh: Operation<undefined> = { number: 31, name: 'RESTOREFH', encode: nothing, decode: nothing };

export function putFh(handle: NfsHandle): Operation<undefined> {
  return { number: 22, name: 'PUTFH', encode: (writer) => writer.opaque(handle), decode: nothing };
}

export const getFh: Operation<NfsHandle> = {
  number: 10,
  name: 'GETFH',
  encode: nothing,
  decode: (reader) => {
    const handle = nfsHandle(reader.opaque(maxHandleBytes));
    if (handle.length === 0) throw badReply('an empty handle');
    return handle;
  },
};

export function lookup(name: string): Operation<undefined> {
  return { number: 15, name: 'LOOKUP', encode: (writer) => writer.opaque(encodeName(name)), decode: nothing };
}

export function getattr(bits: readonly number[] = statAttributes): Operation<Attributes4> {
  return { number: 9, name: 'GETATTR', encode: (writer) => writeBitmap(writer, bits), decode: readAttributes4 };
}

export function access(rights: number): Operation<number> {
  return {
    number: 3,
    name: 'ACCESS',
    encode: (writer) => writer.u32(rights),
    decode: (reader) => {
      reader.u32();
      return reader.u32();
    },
  };
}

export const readlink: Operation<Buffer> = {
  number: 27,
  name: 'READLINK',
  encode: nothing,
  decode: (reader) => reader.opaque(maxTargetBytes),
};

export function readdir(cursor: DirectoryCursor | undefined, pageBytes: number): Operation<DirectoryPage> {
  return {
    number: 26,
    name: 'READDIR',
    encode: (writer) => {
      writer.u64(cursor?.cookie ?? 0n).fixed(cursor?.verifier ?? Buffer.alloc(verifierBytes));
      writer.u32(pageBytes >>> 2).u32(pageBytes);
      writeBitmap(writer, [attribute.readError, attribute.handle, ...statAttributes]);
    },
    decode: readPage,
    replyBytes: pageBytes,
  };
}

function readPage(reader: XdrReader): DirectoryPage {
  const verifier = Buffer.from(reader.fixed(verifierBytes));
  const entries: NfsDirectoryEntry[] = [];
  let cookie: bigint | undefined;
  while (reader.bool()) {
    cookie = reader.u64();
    const name = decodeName(reader.opaque(maxNameBytes));
    const sent = readAttributes4(reader);
    const attributes = sent.isKnown ? sent.toStat() : undefined;
    entries.push({ name, fileId: sent.fileId, cookie, handle: sent.handle, attributes });
  }
  const end = reader.bool();
  if (cookie === undefined && !end) throw badReply('an empty page of a directory that goes on');
  return { entries, next: { cookie: cookie ?? 0n, verifier }, end };
}
