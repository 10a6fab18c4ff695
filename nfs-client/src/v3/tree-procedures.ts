import type { NfsChanges } from '../protocol/nfs-attributes.ts';
import type { NfsHandle } from '../protocol/nfs-handle.ts';
import type { DirectoryCursor, NameAt } from '../protocol/nfs-protocol.ts';
import type { XdrReader } from '../xdr/xdr-reader.ts';
import { readDirectory, readDirectoryPlus } from './directory3.ts';
import { procedure3 } from './procedure.ts';
import { readAttributes, readHandle, readPostAttributes, readWcc, writeAt, writeChanges } from './wire3.ts';

const maxTargetBytes = 4096;

interface HandleArgs {
  readonly handle: NfsHandle;
}

export const getattr = procedure3({
  number: 1,
  name: 'GETATTR',
  encode: (writer, { handle }: HandleArgs) => writer.opaque(handle),
  decode: readAttributes,
});

export const setattr = procedure3({
  number: 2,
  name: 'SETATTR',
  encode: (writer, { handle, changes }: HandleArgs & { readonly changes: NfsChanges }) => {
    writer.opaque(handle);
    writeChanges(writer, changes);
    writer.bool(false);
  },
  decode: readWcc,
});

export const lookup = procedure3({
  number: 3,
  name: 'LOOKUP',
  encode: (writer, at: NameAt) => writeAt(writer, at),
  decode: (reader) => ({ handle: readHandle(reader), attributes: readPostAttributes(reader) }),
});

export const access = procedure3({
  number: 4,
  name: 'ACCESS',
  encode: (writer, { handle, rights }: HandleArgs & { readonly rights: number }) => writer.opaque(handle).u32(rights),
  decode: (reader) => {
    readPostAttributes(reader);
    return reader.u32();
  },
});

export const readlink = procedure3({
  number: 5,
  name: 'READLINK',
  encode: (writer, { handle }: HandleArgs) => writer.opaque(handle),
  decode: (reader) => {
    readPostAttributes(reader);
    return reader.opaque(maxTargetBytes);
  },
});

interface ReaddirArgs {
  readonly dir: NfsHandle;
  readonly cursor: DirectoryCursor;
  /** Bounds the reply. */
  readonly bytes: number;
}

export const readdir = procedure3({
  number: 16,
  name: 'READDIR',
  encode: (writer, { dir, cursor, bytes }: ReaddirArgs) =>
    writer.opaque(dir).u64(cursor.cookie).fixed(cursor.verifier).u32(bytes),
  decode: readDirectory,
  replyBytes: ({ bytes }) => bytes,
});

export const readdirplus = procedure3({
  number: 17,
  name: 'READDIRPLUS',
  encode: (writer, { dir, cursor, bytes }: ReaddirArgs) =>
    writer
      .opaque(dir)
      .u64(cursor.cookie)
      .fixed(cursor.verifier)
      .u32(bytes >>> 2)
      .u32(bytes),
  decode: readDirectoryPlus,
  replyBytes: ({ bytes }) => bytes,
});

export const fsstat = procedure3({
  number: 18,
  name: 'FSSTAT',
  encode: (writer, { handle }: HandleArgs) => writer.opaque(handle),
  decode: (reader) => {
    readPostAttributes(reader);
    return { bytes: readSpace(reader), files: readSpace(reader), invariantSeconds: reader.u32() };
  },
});

export const fsinfo = procedure3({
  number: 19,
  name: 'FSINFO',
  encode: (writer, { handle }: HandleArgs) => writer.opaque(handle),
  decode: (reader) => {
    const attributes = readPostAttributes(reader);
    const numbers = Array.from({ length: 7 }, () => reader.u32());
    const [readMax = 0, readPreferred = 0, , writeMax = 0, writePreferred = 0, , readdirPreferred = 0] = numbers;
    const maxFileBytes = reader.clamped();
    reader.fixed(8);
    const limits = { readMax, readPreferred, writeMax, writePreferred, readdirPreferred, maxFileBytes };
    return { attributes, ...limits, properties: reader.u32() };
  },
});

function readSpace(reader: XdrReader) {
  return { total: reader.clamped(), free: reader.clamped(), available: reader.clamped() };
}
