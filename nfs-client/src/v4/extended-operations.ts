import { badReply } from '../nfs-error.ts';
import type { ByteRange, CopyRange, WriteResult } from '../protocol/nfs-file.ts';
import { readStability } from '../protocol/read-stability.ts';
import { readVerifier } from './data-operations.ts';
import type { Operation } from './operation.ts';
import { type Stateid, writeStateid } from './stateid.ts';

const stateidBytes = 16;

/** ALLOCATE and DEALLOCATE (RFC 7862 §15.1, §15.4). */
export function changeSpace(kind: 'allocate' | 'deallocate', stateid: Stateid, range: ByteRange): Operation<undefined> {
  return {
    number: kind === 'allocate' ? 59 : 62,
    name: kind.toUpperCase(),
    isChange: true,
    encode: (writer) => {
      writeStateid(writer, stateid);
      writer.u64(range.offset).u64(range.length);
    },
    decode: () => undefined,
  };
}

export interface SeekArgs {
  readonly offset: number;
  readonly what: 'data' | 'hole';
}

export interface SeekResult {
  readonly offset: number;
  readonly end: boolean;
}

/** SEEK (RFC 7862 §15.11). */
export function seek(stateid: Stateid, { offset, what }: SeekArgs): Operation<SeekResult> {
  return {
    number: 69,
    name: 'SEEK',
    encode: (writer) => {
      writeStateid(writer, stateid);
      writer.u64(offset).u32(what === 'data' ? 0 : 1);
    },
    decode: (reader) => {
      const end = reader.bool();
      return { offset: reader.clamped(), end };
    },
  };
}

export interface CopyStateids {
  readonly source: Stateid;
  readonly target: Stateid;
}

/** CLONE (RFC 7862 §15.13), from the saved file to the current one. */
export function clone({ source, target }: CopyStateids, range: CopyRange): Operation<undefined> {
  return {
    number: 71,
    name: 'CLONE',
    isChange: true,
    encode: (writer) => {
      writeStateid(writer, source);
      writeStateid(writer, target);
      writer.u64(range.sourceOffset).u64(range.offset).u64(range.length);
    },
    decode: () => undefined,
  };
}

/** COPY (RFC 7862 §15.2) within the server, answered when done: there is no back channel for a later answer. */
export function copy({ source, target }: CopyStateids, range: CopyRange): Operation<WriteResult> {
  return {
    number: 60,
    name: 'COPY',
    isChange: true,
    encode: (writer) => {
      writeStateid(writer, source);
      writeStateid(writer, target);
      writer.u64(range.sourceOffset).u64(range.offset).u64(range.length);
      writer.bool(true).bool(true).u32(0);
    },
    decode: (reader) => {
      const later = reader.array(1, () => reader.fixed(stateidBytes));
      if (later.length > 0) throw badReply('COPY is to be answered later, which was not asked for');
      const bytes = reader.size();
      if (range.length > 0 && bytes > range.length) throw badReply('COPY says it copied more than was asked for');
      const committed = readStability(reader);
      const verifier = readVerifier(reader);
      reader.bool();
      reader.bool();
      return { bytes, committed, verifier };
    },
  };
}
