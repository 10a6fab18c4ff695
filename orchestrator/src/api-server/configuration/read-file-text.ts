import { readFile } from 'node:fs/promises';

/** The text of a file. @throws RangeError – why it cannot be opened, as Go says it */
export async function readFileText(path: string): Promise<string> {
  return readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
    throw new RangeError(`open ${path}: ${error.code === 'ENOENT' ? 'no such file or directory' : error.message}`);
  });
}
