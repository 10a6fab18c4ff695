import { Buffer } from 'node:buffer';

/** Cuts and joins chunks into blocks of exactly `size` bytes, the last one shorter. Large chunks are not copied. */
export async function* byteBlocks(
  source: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
  size: number,
): AsyncGenerator<Uint8Array> {
  let parts: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of source) {
    for (let at = 0; at < chunk.length; ) {
      const part = chunk.subarray(at, at + size - bytes);
      parts.push(part);
      bytes += part.length;
      at += part.length;
      if (bytes < size) continue;
      yield joined(parts);
      parts = [];
      bytes = 0;
    }
  }
  if (bytes > 0) yield joined(parts);
}

function joined(parts: readonly Uint8Array[]): Uint8Array {
  return parts.length === 1 ? (parts[0] as Uint8Array) : Buffer.concat(parts);
}
