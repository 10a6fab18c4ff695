import { Buffer } from 'node:buffer';
import { encodeName, encodeTarget } from '../names/file-name.ts';
import { fileTypeNumber, type NfsChanges } from '../protocol/nfs-attributes.ts';
import type { SpecialFile } from '../protocol/nfs-protocol.ts';
import type { XdrReader } from '../xdr/xdr-reader.ts';
import { XdrWriter } from '../xdr/xdr-writer.ts';
import { attribute } from './attribute-numbers.ts';
import { readBitmap, writeBitmap } from './bitmap.ts';
import { writeChanges4 } from './changes4.ts';
import type { Operation } from './operation.ts';
import { type Stateid, writeStateid } from './stateid.ts';

/** `change_info4`: the directory's change counter before and after, of use to a cache only. */
export function readChangeInfo(reader: XdrReader): undefined {
  reader.bool();
  reader.u64();
  reader.u64();
}

/** What CREATE makes; regular files are made by OPEN. */
export type CreateWhat =
  | { readonly type: 'directory' }
  | { readonly type: 'symlink'; readonly target: string }
  | SpecialFile;

export function create(what: CreateWhat, name: string, changes: NfsChanges): Operation<undefined> {
  return {
    number: 6,
    name: 'CREATE',
    isChange: true,
    encode: (writer) => {
      writer.u32(fileTypeNumber(what.type));
      if (what.type === 'symlink') writer.opaque(encodeTarget(what.target));
      if (what.type === 'block' || what.type === 'character') writer.u32(what.major).u32(what.minor);
      writer.opaque(encodeName(name));
      writeChanges4(writer, changes);
    },
    decode: (reader) => {
      readChangeInfo(reader);
      readBitmap(reader);
    },
  };
}

export function remove(name: string): Operation<undefined> {
  return {
    number: 28,
    name: 'REMOVE',
    isChange: true,
    encode: (writer) => writer.opaque(encodeName(name)),
    decode: readChangeInfo,
  };
}

/** From the saved directory to the current one. */
export function rename(from: string, to: string): Operation<undefined> {
  return {
    number: 29,
    name: 'RENAME',
    isChange: true,
    encode: (writer) => writer.opaque(encodeName(from)).opaque(encodeName(to)),
    decode: (reader) => {
      readChangeInfo(reader);
      readChangeInfo(reader);
    },
  };
}

/** The saved file, into the current directory. */
export function link(name: string): Operation<undefined> {
  return {
    number: 11,
    name: 'LINK',
    isChange: true,
    encode: (writer) => writer.opaque(encodeName(name)),
    decode: readChangeInfo,
  };
}

export function setattr(stateid: Stateid, changes: NfsChanges): Operation<undefined> {
  return {
    number: 34,
    name: 'SETATTR',
    isChange: true,
    encode: (writer) => {
      writeStateid(writer, stateid);
      writeChanges4(writer, changes);
    },
    decode: (reader) => {
      readBitmap(reader);
    },
  };
}

/** Goes on only where the current file is a directory: NOT_SAME otherwise. */
export const verifyDirectory: Operation<undefined> = typeCheck(37, 'VERIFY');

/** Goes on only where the current file is none: SAME otherwise. */
export const verifyNoDirectory: Operation<undefined> = typeCheck(17, 'NVERIFY');

function typeCheck(number: number, name: string): Operation<undefined> {
  return {
    number,
    name,
    encode: (writer) => {
      writeBitmap(writer, [attribute.type]);
      const value = new XdrWriter().u32(fileTypeNumber('directory'));
      writer.opaque(Buffer.concat(value.chunks()));
    },
    decode: () => undefined,
  };
}
