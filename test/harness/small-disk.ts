import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { linuxMounter } from '@berth/linux';

/** Puts a disk that can be filled at a folder, made when missing. Whoever removes the folder unmounts it. */
export function mountSmallDisk(path: string, size: string): void {
  mkdirSync(path, { recursive: true });
  linuxMounter.mount({ source: 'none', target: path, fsType: 'tmpfs', options: [`size=${size}`] });
}

/** Takes the whole room of a disk, until disposed. */
export function fillDisk(path: string): Disposable {
  const file = join(path, 'fill');
  for (let chunk = 1 << 20; chunk >= 1; chunk = Math.floor(chunk / 16)) while (appended(file, chunk));
  return { [Symbol.dispose]: () => rmSync(file, { force: true }) };
}

function appended(file: string, bytes: number): boolean {
  try {
    writeFileSync(file, Buffer.alloc(bytes), { flag: 'a' });
    return true;
  } catch {
    return false;
  }
}
