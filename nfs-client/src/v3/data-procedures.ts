import { badReply } from '../nfs-error.ts';
import type { ByteRange, ReadResult, Stability, WriteResult } from '../protocol/nfs-file.ts';
import type { NfsHandle } from '../protocol/nfs-handle.ts';
import { readStability } from '../protocol/read-stability.ts';
import { procedure3 } from './procedure.ts';
import { readPostAttributes, readWcc, verifierBytes } from './wire3.ts';

interface ReadArgs extends ByteRange {
  readonly handle: NfsHandle;
}

export const read = procedure3({
  number: 6,
  name: 'READ',
  encode: (writer, { handle, offset, length }: ReadArgs) => writer.opaque(handle).u64(offset).u32(length),
  decode: (reader): ReadResult => {
    readPostAttributes(reader);
    const count = reader.u32();
    const end = reader.bool();
    const data = reader.opaque(count);
    if (data.length !== count) throw badReply(`READ says ${count} bytes and sends ${data.length}`);
    return { data, end };
  },
  replyBytes: ({ length }) => length,
});

interface WriteArgs {
  readonly handle: NfsHandle;
  readonly offset: number;
  readonly data: Uint8Array;
  readonly stability: Stability;
}

export const write = procedure3({
  number: 7,
  name: 'WRITE',
  encode: (writer, { handle, offset, data, stability }: WriteArgs) =>
    writer.opaque(handle).u64(offset).u32(data.length).u32(stability).opaque(data),
  decode: (reader): WriteResult => {
    readWcc(reader);
    const bytes = reader.u32();
    const committed = readStability(reader);
    return { bytes, committed, verifier: reader.fixed(verifierBytes).toString('hex') };
  },
});

/** Of the whole file. */
export const commit = procedure3({
  number: 21,
  name: 'COMMIT',
  encode: (writer, { handle }: { readonly handle: NfsHandle }) => writer.opaque(handle).u64(0).u32(0),
  decode: (reader) => {
    readWcc(reader);
    return reader.fixed(verifierBytes).toString('hex');
  },
});
