import { encodeTarget } from '../names/file-name.ts';
import { fileTypeNumber, type NfsChanges } from '../protocol/nfs-attributes.ts';
import type { NfsHandle } from '../protocol/nfs-handle.ts';
import type { NameAt, SpecialFile } from '../protocol/nfs-protocol.ts';
import type { XdrReader } from '../xdr/xdr-reader.ts';
import { procedure3 } from './procedure.ts';
import { readHandle, readPostAttributes, readWcc, writeAt, writeChanges } from './wire3.ts';

/** `createhow3`. */
export type CreateHow =
  | { readonly mode: 'unchecked' | 'guarded'; readonly changes: NfsChanges }
  | { readonly mode: 'exclusive'; readonly verifier: Uint8Array };

const createModes = { unchecked: 0, guarded: 1, exclusive: 2 } as const;

/** What a server says about what it made; it may leave both out. */
function readMade(reader: XdrReader) {
  const made = { handle: reader.optional(() => readHandle(reader)), attributes: readPostAttributes(reader) };
  readWcc(reader);
  return made;
}

export const create = procedure3({
  number: 8,
  name: 'CREATE',
  encode: (writer, { at, how }: { readonly at: NameAt; readonly how: CreateHow }) => {
    writeAt(writer, at);
    writer.u32(createModes[how.mode]);
    if (how.mode === 'exclusive') writer.fixed(how.verifier);
    else writeChanges(writer, how.changes);
  },
  decode: readMade,
});

export const mkdir = procedure3({
  number: 9,
  name: 'MKDIR',
  encode: (writer, { at, changes }: { readonly at: NameAt; readonly changes: NfsChanges }) => {
    writeAt(writer, at);
    writeChanges(writer, changes);
  },
  decode: readMade,
});

export const symlink = procedure3({
  number: 10,
  name: 'SYMLINK',
  encode: (writer, { at, target }: { readonly at: NameAt; readonly target: string }) => {
    writeAt(writer, at);
    writeChanges(writer, {});
    writer.opaque(encodeTarget(target));
  },
  decode: readMade,
});

interface MknodArgs {
  readonly at: NameAt;
  readonly what: SpecialFile & { readonly changes: NfsChanges };
}

export const mknod = procedure3({
  number: 11,
  name: 'MKNOD',
  encode: (writer, { at, what }: MknodArgs) => {
    writeAt(writer, at);
    writer.u32(fileTypeNumber(what.type));
    writeChanges(writer, what.changes);
    if (what.type === 'block' || what.type === 'character') writer.u32(what.major).u32(what.minor);
  },
  decode: readMade,
});

export const remove = procedure3({ number: 12, name: 'REMOVE', encode: writeAt, decode: readWcc });

export const rmdir = procedure3({ number: 13, name: 'RMDIR', encode: writeAt, decode: readWcc });

export const rename = procedure3({
  number: 14,
  name: 'RENAME',
  encode: (writer, { from, to }: { readonly from: NameAt; readonly to: NameAt }) => {
    writeAt(writer, from);
    writeAt(writer, to);
  },
  decode: (reader) => {
    readWcc(reader);
    readWcc(reader);
  },
});

export const link = procedure3({
  number: 15,
  name: 'LINK',
  encode: (writer, { handle, at }: { readonly handle: NfsHandle; readonly at: NameAt }) => {
    writer.opaque(handle);
    writeAt(writer, at);
  },
  decode: (reader) => {
    readPostAttributes(reader);
    readWcc(reader);
  },
});
