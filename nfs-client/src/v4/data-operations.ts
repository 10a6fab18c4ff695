import { badReply } from '../nfs-error.ts';
import type { ByteRange, ReadResult, WriteRequest, WriteResult } from '../protocol/nfs-file.ts';
import { readStability } from '../protocol/read-stability.ts';
import type { XdrReader } from '../xdr/xdr-reader.ts';
import type { Operation } from './operation.ts';
import { type Stateid, writeStateid } from './stateid.ts';

const verifierBytes = 8;

export function readVerifier(reader: XdrReader): string {
  return reader.fixed(verifierBytes).toString('hex');
}

export function read(stateid: Stateid, { offset, length }: ByteRange): Operation<ReadResult> {
  return {
    number: 25,
    name: 'READ',
    encode: (writer) => {
      writeStateid(writer, stateid);
      writer.u64(offset).u32(length);
    },
    decode: (reader) => {
      const end = reader.bool();
      return { data: reader.opaque(length), end };
    },
    replyBytes: length,
  };
}

export function write(stateid: Stateid, { offset, data, stability }: WriteRequest): Operation<WriteResult> {
  return {
    number: 38,
    name: 'WRITE',
    encode: (writer) => {
      writeStateid(writer, stateid);
      writer.u64(offset).u32(stability).opaque(data);
    },
    decode: (reader) => {
      const bytes = reader.u32();
      if (bytes > data.length) throw badReply('WRITE says it wrote more than was sent');
      const committed = readStability(reader);
      return { bytes, committed, verifier: readVerifier(reader) };
    },
  };
}

/** Of the whole file. */
export const commit: Operation<string> = {
  number: 5,
  name: 'COMMIT',
  encode: (writer) => writer.u64(0).u32(0),
  decode: readVerifier,
};
