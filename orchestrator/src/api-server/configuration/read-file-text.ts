import { readFile } from 'node:fs/promises';

const words: Readonly<Record<string, string>> = {
  ENOENT: 'no such file or directory',
  EISDIR: 'is a directory',
  EACCES: 'permission denied',
  ENOTDIR: 'not a directory',
};

/** The text of a file. @throws RangeError – why it cannot be opened, as Go says it */
export async function readFileText(path: string): Promise<string> {
  return readFile(path, 'utf8').catch((error: unknown) => {
    throw new RangeError(unreadableWords(path, error));
  });
}

/** Why a file cannot be read, as Go says it (io/fs PathError). */
export function unreadableWords(path: string, error: unknown): string {
  const { syscall = 'open', code = '', message } = error as NodeJS.ErrnoException;
  return `${syscall} ${path}: ${words[code] ?? message}`;
}
