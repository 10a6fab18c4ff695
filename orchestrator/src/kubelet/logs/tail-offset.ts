import type { FileHandle } from 'node:fs/promises';

const blockBytes = 64 * 1024;
const newline = 0x0a;

/** Where the last `lines` lines of a file of `size` bytes begin, found from its end one block at a time. */
export async function tailOffset(file: FileHandle, size: number, lines: number): Promise<number> {
  if (lines <= 0) return size;
  const block = Buffer.alloc(blockBytes);
  let found = 0;
  for (let end = size; end > 0; ) {
    const begin = Math.max(0, end - blockBytes);
    const { bytesRead } = await file.read(block, 0, end - begin, begin);
    for (let at = bytesRead - 1; at >= 0; at--) {
      // The newline that ends the last line begins none.
      if (block[at] !== newline || begin + at === size - 1) continue;
      if (++found === lines) return begin + at + 1;
    }
    end = begin;
  }
  return 0;
}
