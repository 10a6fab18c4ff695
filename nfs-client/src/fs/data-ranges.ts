import { badReply, isNfsError } from '../nfs-error.ts';
import type { ByteRange, NfsFile } from '../protocol/nfs-file.ts';

/** Where a file holds data, in order. A server that can't tell is taken to mean: everywhere. */
export async function* dataRanges(file: NfsFile, signal: AbortSignal): AsyncGenerator<ByteRange> {
  const size = file.attributes.sizeBytes;
  const { extended } = file;
  if (!extended) {
    if (size > 0) yield { offset: 0, length: size };
    return;
  }
  for (let at = 0; at < size; ) {
    let data: { readonly offset: number; readonly end: boolean };
    try {
      data = await extended.seek(at, 'data', signal);
    } catch (error) {
      // Past the last data servers answer NXIO, where the RFC would have the end flag.
      if (isNfsError(error, 'NXIO')) return;
      if (!isNfsError(error, 'NOTSUPP', 'OP_ILLEGAL', 'UNION_NOTSUPP')) throw error;
      yield { offset: at, length: size - at };
      return;
    }
    if (data.end || data.offset >= size) return;
    const hole = await extended.seek(data.offset, 'hole', signal);
    const stop = Math.min(hole.offset, size);
    if (data.offset < at || stop <= data.offset) throw badReply('SEEK goes backwards');
    yield { offset: data.offset, length: stop - data.offset };
    at = stop;
  }
}
