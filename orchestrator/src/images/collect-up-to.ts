/** All there is; undefined where that is more than so many bytes, of which no more is read. */
export async function collectUpTo(maxBytes: number, chunks: AsyncIterable<Uint8Array>): Promise<Buffer | undefined> {
  const collected: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of chunks) {
    size += chunk.length;
    if (size > maxBytes) return undefined;
    collected.push(chunk);
  }
  return Buffer.concat(collected);
}
