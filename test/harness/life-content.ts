import { closeSync, fsyncSync, mkdirSync, openSync, readFileSync, readSync, writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';

const content = Buffer.alloc(20_000, 'what the workload wrote ');
const files = ['file', 'folder/deep'];

/** Content at the beginning of a device is left alone, where a filesystem would be looked for. */
const onDevice = 2 * 1024 ** 2;

/** What a workload writes to a volume, mounted or a device. */
export function writeContent(target: string, isDevice: boolean): void {
  if (!isDevice) {
    mkdirSync(join(target, 'folder'), { recursive: true });
    for (const name of files) writeFileSync(join(target, name), content);
    return;
  }
  const device = openSync(target, 'r+');
  writeSync(device, content, 0, content.length, onDevice);
  fsyncSync(device);
  closeSync(device);
}

/** @throws where a volume holds something else than was written to it, or to what it is a copy of. */
export function checkContent(target: string, isDevice: boolean): void {
  for (const name of isDevice ? [''] : files) {
    const found = isDevice ? readDevice(target) : readFileSync(join(target, name));
    if (!found.equals(content)) throw new Error(`${target}/${name} does not hold what was written to the source`);
  }
}

function readDevice(path: string): Buffer {
  const bytes = Buffer.alloc(content.length);
  const device = openSync(path, 'r');
  readSync(device, bytes, 0, bytes.length, onDevice);
  closeSync(device);
  return bytes;
}
